//! Presence documents (PIDF, RFC 3863): whether they are well formed, several of one presentity as one, and what is left
//! when the last is gone.

use roxmltree::{Document, Node};

const PIDF: &str = "urn:ietf:params:xml:ns:pidf";

/// Whether a body is an XML document. One with a document type is none: it could grow without bound.
pub(crate) fn is_well_formed(body: &[u8]) -> bool {
    parse(body).is_some()
}

fn parse(body: &[u8]) -> Option<Document<'_>> {
    Document::parse(std::str::from_utf8(body).ok()?).ok()
}

/// One document out of a presentity's, the newest last: that one, with the tuples, persons and devices of the others that it
/// has none of the same identifier for.
pub(crate) fn aggregate(bodies: &[&[u8]]) -> Option<Vec<u8>> {
    let (&newest, others) = bodies.split_last()?;
    if others.is_empty() {
        return Some(newest.to_vec());
    }
    let Some(base) = parse(newest) else { return Some(newest.to_vec()) };
    let root = base.root_element();
    let text = base.input_text();
    // Before the root's end tag; a root without content has none.
    let Some(end) = text[..root.range().end].rfind("</") else { return Some(newest.to_vec()) };
    let mut known: Vec<String> = parts(root).map(|part| identity(&part)).collect();
    let mut out = text[..end].to_owned();
    for document in others.iter().rev().filter_map(|body| parse(body)) {
        for part in parts(document.root_element()) {
            let own = identity(&part);
            if !known.contains(&own) {
                out.push_str(&carried(&part, document.input_text()));
                known.push(own);
            }
        }
    }
    out.push_str(&text[end..]);
    Some(out.into_bytes())
}

/// The elements that a document consists of.
fn parts<'a>(root: Node<'a, 'a>) -> impl Iterator<Item = Node<'a, 'a>> {
    root.children().filter(|node| matches!(node.tag_name().name(), "tuple" | "person" | "device"))
}

fn identity(part: &Node<'_, '_>) -> String {
    format!("{} {}", part.tag_name().name(), part.attribute("id").unwrap_or_default())
}

/// An element's text with the namespaces that it had where it stood.
fn carried(part: &Node<'_, '_>, text: &str) -> String {
    let own = &text[part.range()];
    let name_end = own.find(|c: char| c.is_whitespace() || c == '>' || c == '/').unwrap_or(own.len());
    let head_end = own.find('>').unwrap_or(own.len());
    let mut out = own[..name_end].to_owned();
    for namespace in part.namespaces() {
        let attribute =
            namespace.name().map_or_else(|| " xmlns=".to_owned(), |prefix| format!(" xmlns:{prefix}="));
        if namespace.name() != Some("xml") && !own[..head_end].contains(&attribute) {
            out.push_str(&format!("{attribute}\"{}\"", escaped(namespace.uri())));
        }
    }
    out.push_str(&own[name_end..]);
    out
}

/// What watchers are told when the last document is gone: its tuples, all closed.
pub(crate) fn closed(last: &[u8]) -> Option<Vec<u8>> {
    let document = parse(last)?;
    let root = document.root_element();
    let entity = escaped(root.attribute("entity").unwrap_or_default());
    let mut out = format!("<?xml version=\"1.0\"?>\n<presence xmlns=\"{PIDF}\" entity=\"{entity}\">\n");
    for tuple in parts(root).filter(|part| part.tag_name().name() == "tuple") {
        let id = escaped(tuple.attribute("id").unwrap_or_default());
        out.push_str(&format!(
            "  <tuple xmlns=\"{PIDF}\" id=\"{id}\">\n    <status xmlns=\"{PIDF}\">\n      <basic>closed</basic>\n    \
             </status>\n  </tuple>\n"
        ));
    }
    out.push_str("</presence>\n");
    Some(out.into_bytes())
}

/// Text as it may stand in an attribute or an element.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: &str = "<?xml version=\"1.0\"?>\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@h\">\
                        <tuple id=\"t1\"><status><basic>open</basic></status></tuple></presence>\n";

    #[test]
    fn what_is_not_xml_is_seen() {
        assert!(is_well_formed(OPEN.as_bytes()));
        assert!(!is_well_formed(OPEN.trim_end().trim_end_matches("</presence>").as_bytes()));
        assert!(!is_well_formed(b"\xff"));
        assert!(!is_well_formed(b"<!DOCTYPE a [<!ENTITY b \"cc\">]><a>&b;</a>"));
    }

    #[test]
    fn documents_are_put_together_by_their_identifiers() {
        let older = "<p:presence xmlns:p=\"urn:ietf:params:xml:ns:pidf\" entity=\"sip:a@h\"><p:tuple id=\"t1\"/>\
                     <p:tuple id=\"t2\"><p:note>b</p:note></p:tuple></p:presence>";
        let both = aggregate(&[older.as_bytes(), OPEN.as_bytes()]).expect("a document");
        let both = String::from_utf8(both).expect("text");
        assert_eq!(
            both,
            OPEN.replace(
                "</presence>",
                "<p:tuple xmlns:p=\"urn:ietf:params:xml:ns:pidf\" id=\"t2\"><p:note>b</p:note></p:tuple></presence>"
            )
        );
        assert!(is_well_formed(both.as_bytes()));
    }

    #[test]
    fn the_last_document_leaves_its_tuples_closed() {
        let left = closed(OPEN.as_bytes()).expect("a document");
        let text = String::from_utf8(left).expect("text");
        assert!(text.contains("id=\"t1\"") && text.contains("<basic>closed</basic>"), "{text}");
        assert!(is_well_formed(text.as_bytes()));
    }
}
