//! Lists of watchers (RFC 3858).

use super::document::escaped;

/// One who watches.
pub(crate) struct Watcher {
    /// Tells it from others.
    pub(crate) id: String,
    /// Its URI.
    pub(crate) uri: String,
}

/// The whole list of a presentity's watchers.
pub(crate) fn watcher_info(presentity: &str, version: u32, watchers: &[Watcher]) -> Vec<u8> {
    let mut out = format!(
        "<?xml version=\"1.0\"?>\n<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\" version=\"{version}\" \
         state=\"full\">\n  <watcher-list resource=\"{}\" package=\"presence\">\n",
        escaped(presentity)
    );
    for watcher in watchers {
        let (id, uri) = (escaped(&watcher.id), escaped(&watcher.uri));
        out.push_str(&format!(
            "    <watcher id=\"{id}\" event=\"subscribe\" status=\"active\">{uri}</watcher>\n"
        ));
    }
    out.push_str("  </watcher-list>\n</watcherinfo>\n");
    out.into_bytes()
}
