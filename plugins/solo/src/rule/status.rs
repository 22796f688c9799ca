//! Who is further: nodes ask at their start and at a hole, the signer says once when it has become
//! quiet where it stands. Not here: fetching what is missing, which is the host's.

use super::Solo;
use crate::statement::{SIGNER, Status};
use plugin_api::{Output, RuleError, To};

impl Solo {
    /// A proposal with a hole below it: ask who has what is missing.
    pub(super) fn ask_about_gap(&self, height: u64, out: &mut Vec<Output>) {
        let is_next_pending = self.pending.values().any(|block| {
            block.header.as_ref().is_some_and(|header| header.parent.block == self.head.id)
        });
        if height > self.head.height + 1 && !is_next_pending {
            out.push(self.status(To::Validator(SIGNER), true));
        }
    }

    pub(super) fn status(&self, to: To, wants_answer: bool) -> Output {
        let status = Status { height: self.head.height, wants_answer };
        Output::Send { to, bytes: status.bytes() }
    }

    pub(super) fn on_status(
        &self,
        node: u64,
        bytes: &[u8],
        out: &mut Vec<Output>,
    ) -> Result<(), RuleError> {
        let status = Status::read(bytes)?;
        if status.height > self.head.height {
            out.push(Output::Behind { node, height: status.height });
        } else if status.height < self.head.height && status.wants_answer {
            out.push(self.status(To::Node(node), false));
        }
        Ok(())
    }
}
