//! The server's end.

use std::fs::{DirBuilder, Permissions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::LONGEST_LINE;

/// Connections at a time; more are closed at once.
const CONNECTIONS: usize = 16;
/// How long a client may take over a line.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Kamailio's code (400, 404, 500).
    pub code: i64,
    /// What to do about it.
    pub message: String,
}

/// What a command answers.
pub type Answer = Result<Value, Failure>;

/// Answers commands; called on the socket's threads.
pub type Handler = Arc<dyn Fn(&str, &[Value]) -> Answer + Send + Sync>;

/// A listening socket; dropping it ends it and takes the file away.
pub struct Listening {
    path: PathBuf,
    stop: Arc<AtomicBool>,
}

impl Listening {
    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // The connection wakes the accepting thread; that it fails means that the thread has ended.
        let _ = UnixStream::connect(&self.path);
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Opens the socket, for the server's own user only, and answers on threads of its own.
///
/// # Errors
/// The folder cannot be made or the socket not be bound.
pub fn listen(path: &Path, handler: Handler) -> io::Result<Listening> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    let stop = Arc::new(AtomicBool::new(false));
    let listening = Listening { path: path.to_owned(), stop: Arc::clone(&stop) };
    thread::Builder::new().name("control".to_owned()).spawn(move || accept(&listener, &handler, &stop))?;
    Ok(listening)
}

fn accept(listener: &UnixListener, handler: &Handler, stop: &AtomicBool) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        if open.fetch_add(1, Ordering::AcqRel) >= CONNECTIONS {
            open.fetch_sub(1, Ordering::AcqRel);
            continue;
        }
        let (handler, count) = (Arc::clone(handler), Arc::clone(&open));
        let spawned = thread::Builder::new().name("control-client".to_owned()).spawn(move || {
            // A client that breaks off has nobody left to tell.
            let _ = serve(&stream, &handler);
            count.fetch_sub(1, Ordering::AcqRel);
        });
        if spawned.is_err() {
            open.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

fn serve(stream: &UnixStream, handler: &Handler) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream);
    let mut writer = stream;
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let mut answer = answer(&line, handler).to_string();
        answer.push('\n');
        writer.write_all(answer.as_bytes())?;
    }
}

fn answer(line: &[u8], handler: &Handler) -> Value {
    let request: Value = match serde_json::from_slice(line) {
        Ok(request) => request,
        Err(error) => return failure(&Value::Null, -32700, &format!("not JSON: {error}")),
    };
    let id = request.get("id").cloned().unwrap_or(Value::Null);
    let Some(method) = request.get("method").and_then(Value::as_str) else {
        return failure(&id, -32600, "a request needs a method");
    };
    let parameters = match request.get("params") {
        None | Some(Value::Null) => &[][..],
        Some(Value::Array(parameters)) => parameters,
        Some(_) => return failure(&id, -32602, "params must be an array"),
    };
    match handler(method, parameters) {
        Ok(result) => json!({"jsonrpc": "2.0", "result": result, "id": id}),
        Err(error) => failure(&id, error.code, &error.message),
    }
}

fn failure(id: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "error": {"code": code, "message": message}, "id": id})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Client, ClientError};

    fn echo() -> Handler {
        Arc::new(|method, parameters| match method {
            "core.echo" => Ok(Value::Array(parameters.to_vec())),
            _ => Err(Failure { code: 404, message: format!("no command {method}") }),
        })
    }

    #[test]
    fn a_command_is_answered_and_the_socket_goes_when_dropped() {
        let folder = std::env::temp_dir().join(format!("control-test-{}", std::process::id()));
        let path = folder.join("a.sock");
        let listening = listen(&path, echo()).unwrap();
        let mut client = Client::connect(&path).unwrap();
        assert_eq!(client.call("core.echo", &[json!("x"), json!(7)]).unwrap(), json!(["x", 7]));
        match client.call("no.such", &[]) {
            Err(ClientError::Refused { code: 404, .. }) => {}
            other => panic!("{other:?}"),
        }
        drop(listening);
        assert!(!path.exists());
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn rubbish_is_answered_by_the_protocols_errors() {
        let code = |line: &[u8]| answer(line, &echo())["error"]["code"].as_i64();
        assert_eq!(code(b"{"), Some(-32700));
        assert_eq!(code(b"{\"id\":1}"), Some(-32600));
        assert_eq!(code(b"{\"method\":\"core.echo\",\"params\":5}"), Some(-32602));
    }
}
