//! The shell that makes this crate a loadable rule.
//!
//! In: the host's calls as bytes. Out: the rule's answers. Not here: any rule.

use crate::Lft;

plugin_api::export_rule!(Lft, "loopchain_rule_lft");
