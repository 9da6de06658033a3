//! Which faults excuse that a run fails: a few that pass are outlasted by those who try again, and what strikes only the mail
//! leaves the load alone. Asked by `life` after each run.

use crate::campaign::MAILER;
use crate::injector::{Hit, Struck};
use crate::kind::Kind;
use crate::life::Life;

/// So many calls of one run may be throttled: whoever is throttled comes again, for a long time.
const THROTTLES: usize = 12;
/// So many other faults that pass may strike one run.
const PASSING: usize = 3;

impl Life<'_> {
    /// Whether a run may fail for what has struck since `before` was taken.
    pub(crate) fn is_excused(&self, before: &[Struck]) -> bool {
        let struck = self.injector.struck(&self.runtime);
        let (mut throttles, mut passing) = (0, 0);
        for (index, fault) in struck.iter().enumerate() {
            let known = before.get(index).map_or(0, |fault| fault.hits.len());
            let has_code = self
                .injector
                .fault(index)
                .is_some_and(|fault| fault.code.is_some());
            for hit in fault.hits.iter().skip(known) {
                match fault.kind {
                    Kind::SpotNotFulfilled => {}
                    kind if kind.strikes_one_call() && self.is_at_the_mail(hit) => {}
                    // Another code is another fault; and a call of no state is nobody's to repeat.
                    _ if has_code || hit.sight.machine.is_empty() => return true,
                    Kind::Throttle => throttles += 1,
                    kind if kind.passes() => passing += 1,
                    _ => return true,
                }
            }
        }
        throttles > THROTTLES || passing > PASSING
    }

    /// Whether it struck the sending of a mail, or the state that sends it.
    pub(crate) fn is_at_the_mail(&self, hit: &Hit) -> bool {
        let sight = &hit.sight;
        let place = (sight.machine.clone(), sight.state.clone());
        sight.function == MAILER || self.world.mail_states.contains(&place)
    }
}
