//! A dialog as a row of table `dialog`, its variables as rows of `dialog_vars`: Kamailio's layouts, met by column names.

use cfg_vm::Str;
use engine::Setup;
use engine::listener::ListenerId;
use store::{Cell, Change, Row, Value};

use super::backing::{routes, rows_of};
use super::call::{Dialog, Ident, Leg, Live};
use super::state::State;

/// Parameters that name columns of the dialogs' table, with their defaults, in the order of the fields below.
pub(super) const COLUMNS: [(&str, &str); 20] = [
    ("h_entry_column", "hash_entry"),
    ("h_id_column", "hash_id"),
    ("call_id_column", "callid"),
    ("from_uri_column", "from_uri"),
    ("from_tag_column", "from_tag"),
    ("to_uri_column", "to_uri"),
    ("to_tag_column", "to_tag"),
    ("from_cseq_column", "caller_cseq"),
    ("to_cseq_column", "callee_cseq"),
    ("from_route_column", "caller_route_set"),
    ("to_route_column", "callee_route_set"),
    ("from_contact_column", "caller_contact"),
    ("to_contact_column", "callee_contact"),
    ("from_sock_column", "caller_sock"),
    ("to_sock_column", "callee_sock"),
    ("state_column", "state"),
    ("start_time_column", "start_time"),
    ("timeout_column", "timeout"),
    ("sflags_column", "sflags"),
    ("toroute_name_column", "toroute_name"),
];

/// Columns without a parameter.
const FIXED: [&str; 2] = ["iflags", "req_uri"];

/// What the tables and their columns are called.
pub(super) struct Layout {
    table: String,
    columns: Vec<String>,
    variables_table: String,
    variables: [String; 4],
}

impl Layout {
    pub(super) fn of(setup: &Setup<'_>) -> Self {
        let name = |param: &str, default: &str| {
            let text = setup.text(param);
            text.map_or_else(|| default.to_owned(), |text| String::from_utf8_lossy(text).into_owned())
        };
        let named = COLUMNS.iter().map(|(param, default)| name(param, default));
        Self {
            table: name("table_name", "dialog"),
            columns: named.chain(FIXED.map(str::to_owned)).collect(),
            variables_table: name("vars_table_name", "dialog_vars"),
            variables: [
                name("vars_h_entry_column", "hash_entry"),
                name("vars_h_id_column", "hash_id"),
                name("vars_key_column", "dialog_key"),
                name("vars_value_column", "dialog_value"),
            ],
        }
    }

    /// The dialogs' table and its columns.
    pub(super) fn dialogs(&self) -> (String, Vec<String>) {
        (self.table.clone(), self.columns.clone())
    }

    /// The variables' table and its columns.
    pub(super) fn variables(&self) -> (String, Vec<String>) {
        (self.variables_table.clone(), self.variables.to_vec())
    }

    /// Takes a dialog's rows away.
    pub(super) fn removal(&self, ident: Ident) -> Vec<Change> {
        vec![
            Change::Delete {
                table: self.table.clone(),
                keys: rows_of(ident, &self.columns[0], &self.columns[1]),
            },
            Change::Delete {
                table: self.variables_table.clone(),
                keys: rows_of(ident, &self.variables[0], &self.variables[1]),
            },
        ]
    }

    /// Writes its rows.
    pub(super) fn insertion(&self, dialog: &Dialog, sockets: &[String]) -> Vec<Change> {
        let live = dialog.live();
        let cells = self.columns.iter().cloned().zip(values(dialog, &live, sockets));
        let cells = cells.map(|(column, value)| Cell { column, value }).collect();
        let mut changes = vec![Change::Insert { table: self.table.clone(), cells }];
        changes.extend(live.variables.iter().map(|(name, value)| {
            let values = [number(dialog.ident.entry), number(dialog.ident.id), text(name), text(value)];
            let cells = self.variables.iter().cloned().zip(values);
            Change::Insert {
                table: self.variables_table.clone(),
                cells: cells.map(|(column, value)| Cell { column, value }).collect(),
            }
        }));
        changes
    }

    /// The dialog of a row.
    pub(super) fn dialog(&self, row: &Row, sockets: &[String]) -> Option<Dialog> {
        let text = |at: usize| Str::copy(row.get(at).and_then(Value::as_text).unwrap_or_default());
        let int = |at: usize| row.get(at).and_then(Value::as_int);
        let ident = ident(row)?;
        let leg = |tag, cseq, way, contact, socket| Leg {
            tag: text(tag),
            contact: text(contact),
            cseq: int(cseq).and_then(|cseq| u32::try_from(cseq).ok()).unwrap_or(0),
            routes: routes(&text(way)),
            socket: socket_of(&text(socket), sockets),
        };
        let (started, expires) = (int(16)?, int(17)?);
        let mut live = Live::begun(leg(4, 7, 9, 11, 13), (expires - started).max(0));
        live.callee = Some(leg(6, 8, 10, 12, 14));
        live.state = State::of_number(int(15)?).filter(|state| state.is_active())?;
        (live.started, live.expires) = (started, expires);
        live.flags = int(18).and_then(|flags| u32::try_from(flags).ok()).unwrap_or(0);
        live.timeout_route = text(19);
        live.properties = int(20).and_then(|flags| u32::try_from(flags).ok()).unwrap_or(0);
        Some(Dialog::new(ident, text(2), [text(3), text(5), text(21)], started, live))
    }

    /// The dialog's ident, the name and the value of a variable's row.
    pub(super) fn variable(&self, row: &Row) -> Option<(Ident, Str, Str)> {
        let text = |at: usize| row.get(at).and_then(Value::as_text).map(Str::copy);
        Some((ident(row)?, text(2)?, text(3)?))
    }
}

fn ident(row: &Row) -> Option<Ident> {
    let number =
        |at: usize| row.get(at).and_then(Value::as_int).and_then(|number| u32::try_from(number).ok());
    Some(Ident { entry: number(0)?, id: number(1)? })
}

fn number(number: u32) -> Value {
    Value::Int(number.into())
}

fn text(text: &[u8]) -> Value {
    Value::Text(text.to_vec())
}

fn socket_of(text: &[u8], sockets: &[String]) -> Option<ListenerId> {
    let at = sockets.iter().position(|socket| socket.as_bytes() == text)?;
    u16::try_from(at).ok().map(ListenerId)
}

/// The values of a dialog in the order of its columns.
fn values(dialog: &Dialog, live: &Live, sockets: &[String]) -> [Value; COLUMNS.len() + FIXED.len()] {
    let nobody = Leg::default();
    let (caller, callee) = (&live.caller, live.callee.as_ref().unwrap_or(&nobody));
    let cseq = |leg: &Leg| text(leg.cseq.to_string().as_bytes());
    let socket = |leg: &Leg| {
        let name = leg.socket.and_then(|id| sockets.get(usize::from(id.0)));
        text(name.map(String::as_bytes).unwrap_or_default())
    };
    [
        number(dialog.ident.entry),
        number(dialog.ident.id),
        text(&dialog.call_id),
        text(&dialog.from_uri),
        text(&caller.tag),
        text(&dialog.to_uri),
        text(&callee.tag),
        cseq(caller),
        cseq(callee),
        text(&caller.route_set()),
        text(&callee.route_set()),
        text(&caller.contact),
        text(&callee.contact),
        socket(caller),
        socket(callee),
        Value::Int(live.state as i64),
        Value::Int(live.started),
        Value::Int(live.expires),
        number(live.flags),
        text(&live.timeout_route),
        number(live.properties),
        text(&dialog.request_uri),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_comes_back_from_its_row_as_it_was() {
        let columns = COLUMNS.iter().map(|(_, column)| (*column).to_owned());
        let layout = Layout {
            table: "dialog".into(),
            columns: columns.chain(FIXED.map(str::to_owned)).collect(),
            variables_table: "dialog_vars".into(),
            variables: ["hash_entry", "hash_id", "dialog_key", "dialog_value"].map(str::to_owned),
        };
        let sockets = vec!["tcp:127.0.0.1:5060".to_owned(), "udp:127.0.0.1:5060".to_owned()];
        let leg = |tag: &str, cseq| Leg {
            tag: tag.into(),
            contact: "sip:x@h".into(),
            cseq,
            routes: vec!["<sip:p;lr>".into(), "<sip:q;lr>".into()],
            socket: Some(ListenerId(1)),
        };
        let mut live = Live::begun(leg("a", 7), 60);
        live.callee = Some(leg("b", 3));
        (live.state, live.started, live.expires, live.flags) = (State::Confirmed, 1000, 1060, 5);
        live.timeout_route = "LATE".into();
        let ident = Ident { entry: 9, id: 8 };
        let uris = ["sip:f".into(), "sip:t".into(), "sip:r".into()];
        let dialog = Dialog::new(ident, "c".into(), uris, 1000, live);
        let row = Row(values(&dialog, &dialog.live(), &sockets).to_vec());
        let again = layout.dialog(&row, &sockets).expect("a dialog");
        assert_eq!((again.ident, &again.call_id, &again.request_uri), (ident, &"c".into(), &"sip:r".into()));
        let (before, after) = (dialog.live().clone(), again.live().clone());
        assert_eq!((&before.caller, &before.callee), (&after.caller, &after.callee));
        assert_eq!(
            (before.state, before.started, before.expires),
            (after.state, after.started, after.expires)
        );
        assert_eq!(
            (before.flags, before.lifetime, before.timeout_route),
            (5, after.lifetime, after.timeout_route)
        );
    }
}
