//! Why credentials are refused, as the codes that scripts know.

use engine::Flow;

/// Why credentials do not authenticate a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i8)]
pub enum Denied {
    /// They lack a part, or their nonce is not of ours; or the check itself failed.
    Unusable = -1,
    /// The response was made with another password.
    WrongPassword = -2,
    /// There is no such user.
    UnknownUser = -3,
    /// The nonce has expired, or was made for another request; the client may try again without asking its user.
    StaleNonce = -4,
    /// There are none for this realm.
    NoCredentials = -5,
    /// The nonce has been used before, with `one_time_nonce`.
    NonceReused = -6,
    /// They are those of somebody else than the request's From or To says.
    OtherUser = -8,
}

impl From<Denied> for Flow {
    fn from(denied: Denied) -> Self {
        Self::Done(denied as i64)
    }
}

/// 1, or why not.
pub fn flow(outcome: Result<(), Denied>) -> Flow {
    outcome.map_or_else(Flow::from, |()| Flow::TRUE)
}
