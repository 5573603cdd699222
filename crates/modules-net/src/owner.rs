//! Users and groups by name or number, as parameters name them.

use cfg_vm::Value;
use nix::unistd::{Group, User};

/// The number of a user.
///
/// # Errors
/// There is no such user.
pub(crate) fn user(value: &Value) -> Result<u32, String> {
    number(value, "user", |name| Ok(User::from_name(name)?.map(|user| user.uid.as_raw())))
}

/// The number of a group.
///
/// # Errors
/// There is no such group.
pub(crate) fn group(value: &Value) -> Result<u32, String> {
    number(value, "group", |name| Ok(Group::from_name(name)?.map(|group| group.gid.as_raw())))
}

fn number(value: &Value, what: &str, find: impl Fn(&str) -> nix::Result<Option<u32>>) -> Result<u32, String> {
    let name = match value {
        Value::Int(number) => {
            return u32::try_from(*number).map_err(|_| format!("{number} is no {what}'s number"));
        }
        other => String::from_utf8_lossy(other.as_text().unwrap_or_default()).into_owned(),
    };
    if let Ok(number) = name.parse() {
        return Ok(number);
    }
    match find(&name) {
        Ok(Some(number)) => Ok(number),
        Ok(None) => Err(format!("there is no {what} `{name}`")),
        Err(error) => Err(format!("{what} `{name}` cannot be looked up: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_names_or_numbers() {
        assert_eq!(user(&"root".to_owned().into_bytes().into()), Ok(0));
        assert_eq!(group(&Value::Int(7)), Ok(7));
        assert_eq!(user(&b"33".to_vec().into()), Ok(33));
        assert!(user(&b"no such user here".to_vec().into()).is_err());
        assert!(group(&Value::Int(-1)).is_err());
    }
}
