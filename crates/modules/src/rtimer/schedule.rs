//! Timers as parameters describe them.

use std::time::Duration;

/// Most workers of one timer.
const MOST_WORKERS: u32 = 128;

/// A timer's line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    name: String,
    /// The default's, if none is given.
    interval: Option<Duration>,
    in_microseconds: bool,
    /// 0 for the timers' common worker.
    workers: u32,
}

impl Definition {
    /// Reads `name=…;interval=…;mode=…`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut timer = Self { name: String::new(), interval: None, in_microseconds: false, workers: 0 };
        for pair in pairs(text) {
            match pair? {
                ("name", name) => name.clone_into(&mut timer.name),
                ("interval", given) => timer.set_interval(given)?,
                ("mode", given) => timer.workers = workers(given)?,
                (other, _) => return Err(format!("a timer has no {other}; it has name, interval and mode")),
            }
        }
        // A timer of microseconds has one worker of its own, whatever its mode says (rtimer's documentation, 3.2).
        if timer.in_microseconds {
            timer.workers = 1;
        }
        if timer.name.is_empty() {
            return Err("the timer has no name; begin with name=…".to_owned());
        }
        Ok(timer)
    }

    /// Seconds, or microseconds with a `u` at the end; 0 is the default.
    fn set_interval(&mut self, given: &str) -> Result<(), String> {
        let (digits, unit): (&str, fn(u64) -> Duration) = match given.strip_suffix(['u', 'U']) {
            Some(digits) => (digits, Duration::from_micros),
            None => (given, Duration::from_secs),
        };
        let number: u32 = digits.parse().map_err(|_| {
            format!("\"{given}\" is no interval; give seconds, or microseconds with a u at the end")
        })?;
        self.in_microseconds = digits.len() < given.len();
        self.interval = (number > 0).then(|| unit(number.into()));
        Ok(())
    }
}

fn workers(given: &str) -> Result<u32, String> {
    let number = given.parse().ok().filter(|number| *number <= MOST_WORKERS);
    number.ok_or_else(|| format!("\"{given}\" is no mode; give the number of workers, 0 to {MOST_WORKERS}"))
}

/// An exec's line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Execution {
    pub(super) timer: String,
    pub(super) route: String,
}

impl Execution {
    /// Reads `timer=…;route=…`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut exec = Self { timer: String::new(), route: String::new() };
        for pair in pairs(text) {
            match pair? {
                ("timer", timer) => timer.clone_into(&mut exec.timer),
                ("route", route) => route.clone_into(&mut exec.route),
                (other, _) => return Err(format!("an exec has no {other}; it has timer and route")),
            }
        }
        if exec.timer.is_empty() || exec.route.is_empty() {
            return Err("timer=… and route=… are both needed".to_owned());
        }
        Ok(exec)
    }
}

/// `a=b;c=d;`, with spaces around names and values, and quotes around values, if one likes.
fn pairs(text: &str) -> impl Iterator<Item = Result<(&str, &str), String>> {
    text.split(';').map(str::trim).filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) =
            pair.split_once('=').ok_or_else(|| format!("\"{pair}\" has no value after a ="))?;
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
        Ok((name.trim(), bare))
    })
}

/// The timers that have been defined so far.
pub(super) struct Schedule {
    default_interval: Duration,
    timers: Vec<Entry>,
    /// The next free worker. The common one is 0.
    next: u32,
}

struct Entry {
    name: String,
    interval: Duration,
    /// Its workers' numbers.
    first: u32,
    count: u32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { default_interval: Duration::from_secs(120), timers: Vec::new(), next: 1 }
    }
}

impl Schedule {
    /// For the timers that follow; below 1 second there is none.
    pub(super) fn set_default_interval(&mut self, seconds: i64) {
        self.default_interval = Duration::from_secs(u64::try_from(seconds).unwrap_or(0).max(1));
    }

    /// Adds a timer.
    pub(super) fn add(&mut self, timer: Definition) -> Result<(), String> {
        if self.timers.iter().any(|known| known.name == timer.name) {
            return Err(format!("there is a timer {} already", timer.name));
        }
        let first = if timer.workers == 0 { 0 } else { self.next };
        self.next += timer.workers;
        self.timers.push(Entry {
            name: timer.name,
            interval: timer.interval.unwrap_or(self.default_interval),
            first,
            count: timer.workers.max(1),
        });
        Ok(())
    }

    /// A timer's interval, and its workers: the number of each among all, and within the timer.
    pub(super) fn find(
        &self,
        name: &str,
    ) -> Result<(Duration, impl Iterator<Item = (u32, u32)> + use<>), String> {
        let timer = self.timers.iter().find(|timer| timer.name == name).ok_or_else(|| {
            format!("there is no timer {name} above; define it with the parameter timer, before this line")
        })?;
        let first = timer.first;
        Ok((timer.interval, (0..timer.count).map(move |worker| (first + worker, worker))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scheduled(schedule: &Schedule, name: &str) -> (Duration, Vec<(u32, u32)>) {
        let (interval, workers) = schedule.find(name).unwrap();
        (interval, workers.collect())
    }

    #[test]
    fn intervals_are_seconds_or_microseconds() {
        let interval = |text: &str| Definition::parse(text).unwrap().interval;
        assert_eq!(interval("name=t;interval=10;mode=1;"), Some(Duration::from_secs(10)));
        assert_eq!(interval("name=t;interval=50000u;mode=1;"), Some(Duration::from_micros(50_000)));
        assert_eq!(interval(" name = \"t\" ; interval=5 "), Some(Duration::from_secs(5)));
        assert_eq!(interval("name=t;interval=0"), None);
        assert_eq!(interval("name=t"), None);
    }

    #[test]
    fn a_timer_without_an_interval_takes_the_default_that_stands_before_it() {
        let mut schedule = Schedule::default();
        schedule.add(Definition::parse("name=a").unwrap()).unwrap();
        schedule.set_default_interval(7);
        schedule.add(Definition::parse("name=b").unwrap()).unwrap();
        assert_eq!(scheduled(&schedule, "a").0, Duration::from_secs(120));
        assert_eq!(scheduled(&schedule, "b").0, Duration::from_secs(7));
    }

    #[test]
    fn each_worker_has_a_number_of_its_own() {
        let mut schedule = Schedule::default();
        for text in ["name=common;mode=0", "name=three;mode=3", "name=one;interval=5u;mode=3"] {
            schedule.add(Definition::parse(text).unwrap()).unwrap();
        }
        assert_eq!(scheduled(&schedule, "common").1, [(0, 0)]);
        assert_eq!(scheduled(&schedule, "three").1, [(1, 0), (2, 1), (3, 2)]);
        assert_eq!(scheduled(&schedule, "one").1, [(4, 0)]);
    }

    #[test]
    fn mistakes_are_told() {
        for text in
            ["", "interval=1", "name=t;interval=x", "name=t;interval=1.5", "name=t;mode=-1", "name", "n=t"]
        {
            assert!(Definition::parse(text).is_err(), "{text}");
        }
        for text in ["", "timer=t", "route=R", "timer=t;routes=R"] {
            assert!(Execution::parse(text).is_err(), "{text}");
        }
        let mut schedule = Schedule::default();
        schedule.add(Definition::parse("name=t").unwrap()).unwrap();
        assert!(schedule.add(Definition::parse("name=t").unwrap()).is_err());
        assert!(schedule.find("u").is_err());
    }
}
