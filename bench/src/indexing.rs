//! What it costs to make a received INVITE ready to route: time, and allocations.
//!
//! *Indexed* is one pass over the buffer. *Ready to route* also reads what every proxy looks at: the
//! request URI, the topmost Via, Call-ID and CSeq. A bare scan for line ends over the same bytes stands
//! beside both: no parser can be faster.

use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Instant;

use sip_message::{HeaderError, Message, ScanError};

/// An INVITE of 860 bytes: two hops behind it, a route before it, SDP for three codecs.
const INVITE: &str = concat!(
    "INVITE sip:+442079460123@pbx.example.com:5060;user=phone SIP/2.0\r\n",
    "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds.1;rport\r\n",
    "Via: SIP/2.0/UDP 198.51.100.7:5080;received=198.51.100.7;branch=z9hG4bKnashds8;rport=5080\r\n",
    "Max-Forwards: 69\r\n",
    "From: \"Alice\" <sip:+442079460999@example.com>;tag=1928301774\r\n",
    "To: <sip:+442079460123@pbx.example.com>\r\n",
    "Call-ID: a84b4c76e66710@pc33.example.com\r\n",
    "CSeq: 314159 INVITE\r\n",
    "Contact: <sip:alice@198.51.100.7:5080;transport=udp>\r\n",
    "Record-Route: <sip:192.0.2.10;lr;ftag=1928301774>\r\n",
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, UPDATE\r\n",
    "Supported: 100rel\r\n",
    "User-Agent: Example/42\r\n",
    "Content-Type: application/sdp\r\n",
    "Content-Length: 186\r\n",
    "\r\n",
    "v=0\r\n",
    "o=alice 2890844526 2890844526 IN IP4 198.51.100.7\r\n",
    "s=-\r\n",
    "c=IN IP4 198.51.100.7\r\n",
    "t=0 0\r\n",
    "m=audio 49172 RTP/AVP 8 0\r\n",
    "a=rtpmap:8 PCMA/8000\r\n",
    "a=rtpmap:0 PCMU/8000\r\n",
    "a=ptime:20\r\n",
    "a=sendrecv\r\n",
);

/// Messages in a batch, and batches of which the fastest counts: what disturbs a machine only ever adds.
const BATCH: u64 = 20_000;
const BATCHES: usize = 15;

/// The goal: nanoseconds and allocations for an INVITE ready to route.
const NANOSECONDS: f64 = 600.0;
const ALLOCATIONS: u64 = 1;

/// The sample did not parse: a defect of `sip-message` or of the sample.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexingError {
    #[error("the sample INVITE was refused: {0:?}")]
    Scan(ScanError),
    #[error("a header of the sample INVITE was refused: {0:?}")]
    Header(HeaderError),
    #[error(transparent)]
    Output(#[from] io::Error),
}

/// Measures, and prints a line a step with the verdict.
pub(crate) fn run(output: &mut impl Write) -> Result<bool, IndexingError> {
    let buffer = Arc::new(INVITE.as_bytes().to_vec());
    let mut message = Message::parse(Arc::clone(&buffer)).map_err(IndexingError::Scan)?;
    route(&message).map_err(IndexingError::Header)?;

    let lines = time(|| {
        black_box(black_box(&buffer[..]).split(|&byte| byte == b'\n').count());
    });
    let indexed = time(|| {
        let _ = black_box(message.reparse(black_box(Arc::clone(&buffer))));
    });
    let ready = time(|| {
        let _ = black_box(message.reparse(black_box(Arc::clone(&buffer))));
        let _ = black_box(route(&message));
    });
    let allocated = |work: &mut dyn FnMut()| allocation_counter::measure(work).count_total;
    let again = allocated(&mut || {
        let _ = black_box(message.reparse(Arc::clone(&buffer)));
        let _ = black_box(route(&message));
    });
    let first = allocated(&mut || {
        let fresh = Message::parse(Arc::clone(&buffer));
        let _ = black_box(fresh.as_ref().map(route));
    });

    let reached = ready < NANOSECONDS && first.max(again) <= ALLOCATIONS;
    let size = INVITE.len();
    writeln!(output, "an INVITE of {size} bytes, the fastest of {BATCHES} batches of {BATCH}:")?;
    writeln!(output, "  line ends only      {lines:>6.0} ns")?;
    writeln!(output, "  indexed             {indexed:>6.0} ns")?;
    writeln!(output, "  ready to route      {ready:>6.0} ns  (goal: under {NANOSECONDS} ns)")?;
    writeln!(
        output,
        "  allocations         {first:>6} with a new index, {again} with a used one  (goal: at most {ALLOCATIONS})"
    )?;
    writeln!(output, "  {}", if reached { "PASS" } else { "SHORT" })?;
    Ok(reached)
}

/// Reads what a proxy routes by.
fn route(message: &Message) -> Result<(), HeaderError> {
    black_box(message.uri()?);
    black_box(message.top_via()?);
    black_box(message.call_id()?);
    black_box(message.cseq()?);
    Ok(())
}

/// Nanoseconds of one piece of work, by the fastest batch.
fn time(mut work: impl FnMut()) -> f64 {
    let mut batch = || {
        let began = Instant::now();
        (0..BATCH).for_each(|_| work());
        began.elapsed().as_nanos() as f64 / BATCH as f64
    };
    (0..BATCHES).map(|_| batch()).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_an_860_byte_invite_whose_length_is_right() {
        let message = Message::from_bytes(INVITE).expect("the sample is a sound message");
        assert_eq!(INVITE.len(), 860);
        assert_eq!(message.body().len(), 186);
        assert!(route(&message).is_ok());
    }
}
