//! Protocols and addresses as configurations write them, and `listen` values made into sockets to open.

mod listen;
mod proto;
mod socket_name;

pub use listen::{
    Advertise, ListenDefaults, ListenError, ListenSocket, ListenSpec, Surroundings, SystemSurroundings,
    expand,
};
pub use proto::{Proto, UnknownProto};
pub(crate) use socket_name::parse_ip;
pub use socket_name::{SocketName, SocketNameError};
