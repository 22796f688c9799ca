//! Progress of work that may take long: a spinner when stderr is a terminal, else one line at its end. Of
//! work of at most 300 ms nothing is said.
//!
//! In: what the work does now, and that it is over. Out: a spinner, a note. Deliberately not here: what is
//! printed where (`output.rs`); the clock is the caller's, so that a test can say how long it took.

use crate::output::{OK, Out};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Work shorter than this needs no word.
const WORTH_A_WORD: Duration = Duration::from_millis(300);

/// Tells how long the work has taken.
pub(crate) trait Clock {
    /// Since it began.
    fn elapsed(&self) -> Duration;
}

impl Clock for Instant {
    fn elapsed(&self) -> Duration {
        Self::elapsed(self)
    }
}

/// Progress of some work.
#[derive(Debug)]
pub(crate) struct Progress<C = Instant> {
    bar: ProgressBar,
    /// Where the bar is drawn once the work is worth a word; taken then.
    target: RefCell<Option<ProgressDrawTarget>>,
    clock: C,
    out: Out,
}

impl Progress {
    /// Of work that begins now.
    pub(crate) fn begin(label: &'static str, out: Out) -> Self {
        // It draws nothing where stderr is no terminal.
        let target = out.has_notes().then(ProgressDrawTarget::stderr);
        Self::new(label, out, target, Instant::now())
    }
}

impl<C: Clock> Progress<C> {
    fn new(label: &'static str, out: Out, target: Option<ProgressDrawTarget>, clock: C) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_prefix(label);
        if let Ok(style) = ProgressStyle::with_template("  {spinner} {prefix} {wide_msg}") {
            bar.set_style(style);
        }
        Self { bar, target: RefCell::new(target), clock, out }
    }

    fn is_worth_a_word(&self) -> bool {
        self.clock.elapsed() > WORTH_A_WORD
    }

    /// What it does now.
    pub(crate) fn tell(&self, line: &str) {
        if !self.is_worth_a_word() {
            return;
        }
        if let Some(target) = self.target.borrow_mut().take() {
            self.bar.set_draw_target(target);
        }
        self.bar.set_message(line.trim().to_owned());
        self.bar.tick();
    }

    /// It is over.
    pub(crate) fn finish(self, what: &str) {
        self.bar.finish_and_clear();
        if let Some(line) = self.last_word(what) {
            self.out.note(&line);
        }
    }

    fn last_word(&self, what: &str) -> Option<String> {
        let seconds = self.clock.elapsed().as_secs_f64();
        self.is_worth_a_word().then(|| format!("  {OK} {what:<72} {seconds:.1} s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::io;
    use std::sync::{Arc, Mutex};

    /// Time passes when the test says so.
    impl Clock for &Cell<Duration> {
        fn elapsed(&self) -> Duration {
            self.get()
        }
    }

    /// A terminal that keeps what was written.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl Screen {
        fn shows(&self, text: &str) -> bool {
            self.0.lock().unwrap().contains(text)
        }

        fn write(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
    }

    impl indicatif::TermLike for Screen {
        fn width(&self) -> u16 {
            80
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.write(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    fn begun<'a>(screen: &Screen, time: &'a Cell<Duration>) -> Progress<&'a Cell<Duration>> {
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        Progress::new("checking", Out::machine(), Some(target), time)
    }

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn nothing_is_drawn_and_nothing_is_said_of_work_of_300_ms() {
        let (screen, time) = (Screen::default(), Cell::new(Duration::ZERO));
        let progress = begun(&screen, &time);
        for at in [0, 150, 300] {
            time.set(ms(at));
            progress.tell("block 1 of 9");
        }
        assert_eq!(progress.last_word("checked"), None);
        progress.finish("checked");
        assert_eq!(*screen.0.lock().unwrap(), "");
    }

    #[test]
    fn from_then_on_a_terminal_shows_what_it_does_and_one_line_says_how_long_it_took() {
        let (screen, time) = (Screen::default(), Cell::new(Duration::ZERO));
        let progress = begun(&screen, &time);
        progress.tell("block 1 of 9");
        time.set(ms(301));
        progress.tell("block 2 of 9");
        assert!(screen.shows("checking block 2 of 9") && !screen.shows("block 1"), "{screen:?}");
        time.set(ms(2_500));
        let word = format!("  {OK} {:<72} 2.5 s", "checked 9 blocks");
        assert_eq!(progress.last_word("checked 9 blocks"), Some(word));
    }
}
