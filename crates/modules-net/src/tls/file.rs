//! The file that parameter `config` names: sections `[server:…]` and `[client:…]` with attributes.

use std::net::{IpAddr, SocketAddr};

use transport::tls::{Place, Role};

/// A section.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) role: Role,
    pub(super) place: Place,
    /// Its line, from 1.
    pub(super) line: usize,
    pub(super) attributes: Vec<Attribute>,
}

/// One attribute of a section.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) line: usize,
}

/// A mistake, with its line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) message: String,
}

/// Reads the whole text.
pub(super) fn parse(text: &str) -> Result<Vec<Section>, Mistake> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line_number = number + 1;
        let at = |message: String| Mistake { line: line_number, message };
        let line = without_comment(line).trim();
        if line.is_empty() {
            continue;
        }
        if let Some(head) = line.strip_prefix('[') {
            let head =
                head.strip_suffix(']').ok_or_else(|| at("the section's name has no `]`".to_owned()))?;
            let (role, place) = section(head).map_err(at)?;
            sections.push(Section { role, place, line: line_number, attributes: Vec::new() });
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| at(format!("`{line}` is neither a section nor `name = value`")))?;
        let section = sections.last_mut().ok_or_else(|| {
            at("an attribute before the first section, such as [server:default]".to_owned())
        })?;
        let (name, value) = (name.trim().to_ascii_lowercase(), unquoted(value.trim()).map_err(at)?);
        section.attributes.push(Attribute { name, value, line: line_number });
    }
    Ok(sections)
}

/// `#` begins a comment, but not within quotes.
fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    for (at, letter) in line.char_indices() {
        match letter {
            '"' => quoted = !quoted,
            '#' if !quoted => return &line[..at],
            _ => {}
        }
    }
    line
}

fn unquoted(value: &str) -> Result<String, String> {
    match value.strip_prefix('"') {
        None => Ok(value.to_owned()),
        Some(rest) => rest
            .strip_suffix('"')
            .map(str::to_owned)
            .ok_or_else(|| "the value's `\"` is not closed".to_owned()),
    }
}

fn section(head: &str) -> Result<(Role, Place), String> {
    let (role, place) = head.split_once(':').unwrap_or((head, ""));
    let role = match role.trim().to_ascii_lowercase().as_str() {
        "server" | "srv" | "s" => Role::Server,
        "client" | "cli" | "c" => Role::Client,
        other => return Err(format!("`{other}` is neither `server` nor `client`")),
    };
    let place = place.trim();
    match place.to_ascii_lowercase().as_str() {
        "default" => return Ok((role, Place::Default)),
        "any" => return Ok((role, Place::Any)),
        _ => {}
    }
    if let Ok(address) = place.parse::<SocketAddr>() {
        return Ok((role, Place::Address(address)));
    }
    if place.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return Err(format!("`{place}` has no port: write {place}:5061"));
    }
    Err(format!("`{place}` is no domain: there are default, any, and ADDRESS:PORT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_and_attributes_are_read_with_their_lines() {
        let text = "# head\n[server:default]\nmethod = TLSv1.2+ # newer\n\n[Client:[::1]:5061]\nServer_Name=\"a#b\"\n";
        let sections = parse(text).unwrap();
        assert_eq!(
            (sections[0].role, sections[0].place, sections[0].line),
            (Role::Server, Place::Default, 2)
        );
        let attribute = |name: &str, value: &str, line| Attribute {
            name: name.to_owned(),
            value: value.to_owned(),
            line,
        };
        assert_eq!(sections[0].attributes, [attribute("method", "TLSv1.2+", 3)]);
        assert_eq!(sections[1].place, Place::Address("[::1]:5061".parse().unwrap()));
        assert_eq!(sections[1].attributes, [attribute("server_name", "a#b", 6)]);
    }

    #[test]
    fn mistakes_name_their_line() {
        for (text, line, word) in [
            ("\n[serv:default]", 2, "neither `server`"),
            ("[server:127.0.0.1]", 1, "has no port"),
            ("[server:somewhere]", 1, "is no domain"),
            ("[server:default", 1, "no `]`"),
            ("a = b", 1, "before the first section"),
            ("[server:any]\nword", 2, "neither a section"),
            ("[server:any]\n\na = \"b", 3, "not closed"),
        ] {
            let mistake = parse(text).unwrap_err();
            assert_eq!(mistake.line, line, "{text:?}");
            assert!(mistake.message.contains(word), "{text:?}: {}", mistake.message);
        }
    }
}
