//! What others may call of a SCORE, and how its arguments reach it.
//!
//! In: a manifest, a method. Out: the kind of the call and its arguments, as a node chooses them.

use score_native_link::CallKind;

/// See the head of this file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interface {
    /// Name and kind.
    methods: Vec<(String, String)>,
    takes_any_invoke: bool,
    takes_any_query: bool,
}

impl Interface {
    /// Of a manifest, JSON.
    pub(crate) fn of(manifest: &str) -> Self {
        let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap_or_default();
        let text = |value: &serde_json::Value, name: &str| {
            value.get(name).and_then(|text| text.as_str()).unwrap_or_default().to_owned()
        };
        let methods = manifest.get("methods").and_then(|methods| methods.as_array());
        let methods = methods.into_iter().flatten();
        let any = |kind: &str| manifest.pointer(kind).and_then(serde_json::Value::as_bool);
        Self {
            methods: methods.map(|method| (text(method, "name"), text(method, "kind"))).collect(),
            takes_any_invoke: any("/any/invoke").unwrap_or_default(),
            takes_any_query: any("/any/query").unwrap_or_default(),
        }
    }

    fn has(&self, method: &str, kind: &str) -> bool {
        self.methods.iter().any(|(name, of)| name == method && of == kind)
    }

    /// How a call of this method runs when a call of kind `caller` makes it, and its arguments.
    pub(crate) fn called(
        &self,
        method: &str,
        args: &[u8],
        caller: CallKind,
    ) -> (CallKind, Vec<u8>) {
        let is_question = self.has(method, "query");
        let is_query = caller == CallKind::Query || (is_question && !self.has(method, "invoke"));
        let (kind, takes_any) = if is_query {
            (CallKind::Query, self.takes_any_query && !is_question)
        } else {
            (CallKind::Invoke, self.takes_any_invoke && !self.has(method, "invoke"))
        };
        let args = if takes_any { only(args).unwrap_or(args) } else { args };
        (kind, args.to_vec())
    }
}

/// The bytes of the only argument, when it is bytes or a text.
fn only(args: &[u8]) -> Option<&[u8]> {
    let (&[one, head], rest) = args.split_first_chunk()?;
    let (major, length) = (head >> 5, usize::from(head & 0x1f));
    if one != 0x81 || !matches!(major, 2 | 3) {
        return None;
    }
    let width = match length {
        0..=23 => return (rest.len() == length).then_some(rest),
        24..=27 => 1 << (length - 24),
        _ => return None,
    };
    let (number, rest) = rest.split_at_checked(width)?;
    let length = number
        .iter()
        .try_fold(0_usize, |sum, byte| Some(sum.checked_mul(256)? | usize::from(*byte)))?;
    (rest.len() == length).then_some(rest)
}
