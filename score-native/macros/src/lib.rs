//! `#[score]`, `#[score_interface]` and the derives `State`, `Event`, `Fault` and `Value`.
//!
//! In: an author's source. Out: implementations of the traits of `score-native`; the expansion of
//! each is printed in its documentation. They deliberately look at nothing but the item they stand
//! on; names of types come from the types themselves, so that aliases work.

use proc_macro::TokenStream;
use syn::{DeriveInput, ItemImpl, ItemTrait, parse_macro_input};

mod event;
mod fault;
mod fields;
mod interface;
mod score;
mod state;
mod value;

/// Makes an `impl` block the methods of a SCORE.
///
/// A public method with `&mut self` is a transaction, one with `&self` a query; `deploy` runs once at
/// the beginning, `migrate` when a new version takes over. A method may ask for `cx: &Cx`; its other
/// arguments are values, its answer is `()`, a value, or a `Result` of these and a `Fault`. Private
/// methods and functions without `self` stay what they are.
///
/// * `#[score(name = "…")]`: the name; else the crate's library name, with `-` for `_`.
/// * `#[score(events(A, B))]`: events that the methods emit. Those written as `.emit(A { … })` inside
///   the block are found without it.
/// * `#[score(any)]` on a method `(&mut self, method: String, body: Vec<u8>)`, with or without `cx`:
///   takes every transaction that no other method takes, with its body as sent; with `&self`: every
///   such query.
///
/// `migrate` is told the version before: it takes `from: String` and no other argument.
///
/// For `#[score] impl Token { pub fn transfer(&mut self, cx: &Cx, to: Address, amount: u128) … }` it
/// writes, besides the block itself:
///
/// ```text
/// pub mod tx {                                            // not in the .so
///     pub fn transfer(to: Address, amount: u128) -> Invocation<()> { … }
/// }
/// impl Contract for Token {
///     const MANIFEST: &'static Manifest = &Manifest { name: …, methods: &[…], events: &[…], … };
///     const TABLE: &'static Score = &LOOPCHAIN_SCORE;
///     fn dispatch(kind: u32, method: &str, args: &[u8], cx: &Cx) -> Result<Outcome, Refused> {
///         let mut score = <Token as State>::open();
///         match kind {
///             INVOKE => match method {
///                 "transfer" => {
///                     let mut args = Arguments::open(args, 2)?;
///                     let a0 = args.take::<Address>("to")?;
///                     let a1 = args.take::<u128>("amount")?;
///                     args.close()?;
///                     Ok(Answer::outcome(score.transfer(cx, a0, a1)))
///                 }
///                 _ => Err(Refused::no_method(method)),
///             },
///             …
///         }
///     }
/// }
/// static MANIFEST_JSON: [u8; …] = …;                     // section .loopscore
/// pub static LOOPCHAIN_SCORE: Score = table::<Token>(&MANIFEST_JSON);
/// ```
#[proc_macro_attribute]
pub fn score(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let options = parse_macro_input!(attribute as score::Options);
    let block = parse_macro_input!(item as ItemImpl);
    finish(score::expand(&options, block))
}

/// Makes a trait the handle on another SCORE of the channel: `trait Token` becomes `TokenRef`, and
/// the trait itself is gone.
///
/// A method with `&mut self` is a transaction of the other SCORE, one with `&self` a query; from a
/// query only queries can be called. It returns `()`, a value, or a `Result` of these and
/// `CallError`; without a `Result` a failure is a panic of the caller.
///
/// For `#[score_interface] trait Token { fn balance_of(&self, who: Address) -> u128; }` it writes:
///
/// ```text
/// struct TokenRef(Handle);
/// impl TokenRef {
///     fn at(score: &str) -> Self { Self(Handle::at(score)) }
///     pub fn balance_of(&self, who: Address) -> u128 {
///         let call = self.0.call("balance_of", 1).with(&who);
///         <u128 as Called>::of(call.send())
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn score_interface(attribute: TokenStream, item: TokenStream) -> TokenStream {
    let _nothing = parse_macro_input!(attribute as syn::parse::Nothing);
    finish(interface::expand(&parse_macro_input!(item as ItemTrait)))
}

/// Makes a struct of `Item`, `Map`, `Set`, `List` and `Counter` fields the state of a SCORE.
///
/// ```text
/// impl State for Token {
///     const PREFIXES: … = &[("owner", <Item<Address> as Field>::SUFFIX), …];
///     fn open() -> Self { Self { owner: Field::open("owner"), … } }
/// }
/// ```
#[proc_macro_derive(State)]
pub fn state(item: TokenStream) -> TokenStream {
    finish(state::expand(&parse_macro_input!(item as DeriveInput)))
}

/// Makes a struct an event; its name is the struct's in lower snake case.
///
/// ```text
/// impl Event for Transfer {
///     const INFO: EventInfo = EventInfo { name: "transfer", fields: &[field::<Address>("from"), …] };
///     fn encode(&self, out: &mut Vec<u8>) { write_array(out, 3); self.from.encode(out); … }
///     fn decode(reader: &mut Reader) -> … { reader.array_of(3)?; Ok(Self { from: …, … }) }
/// }
/// ```
#[proc_macro_derive(Event)]
pub fn event(item: TokenStream) -> TokenStream {
    finish(event::expand(&parse_macro_input!(item as DeriveInput)))
}

/// Makes a struct or an enum a value.
///
/// * A struct with named fields: the array of them; in the manifest a record `{height:u64,by:address}`.
/// * A struct with one unnamed field: that field. With more: the tuple of them.
/// * An enum: the array of the variant's number (from 0, in the order of the source) and its fields;
///   in the manifest a choice `<Open|Closed{at:u64}|Moved{0:address}>`. New variants go to the end.
///
/// ```text
/// impl Value for Note {
///     const TYPE: TypeName = TypeName::record(&[field::<u64>("height"), …]);
///     fn encode(&self, out: &mut Vec<u8>) { write_array(out, 2); self.height.encode(out); … }
///     fn decode(reader: &mut Reader) -> … { reader.array_of(2)?; Ok(Self { height: …, … }) }
/// }
/// ```
#[proc_macro_derive(Value)]
pub fn value(item: TokenStream) -> TokenStream {
    finish(value::expand(&parse_macro_input!(item as DeriveInput)))
}

/// Makes an enum the errors of a SCORE. The code of a variant is its position, from 1, or
/// `#[code(7)]`; the message is `#[msg("balance {have} is less than {need}")]` with the variant's
/// fields, or the variant's name.
///
/// ```text
/// impl Fault for Error {
///     const LIST: &'static [FaultInfo] = &[FaultInfo { code: 1, name: "Insufficient", message: … }];
///     fn code(&self) -> u32 { match self { Self::Insufficient { .. } => 1, … } }
///     fn message(&self) -> String {
///         match self { Self::Insufficient { have, need } => format!("balance {have} is …"), … }
///     }
/// }
/// ```
#[proc_macro_derive(Fault, attributes(msg, code))]
pub fn fault(item: TokenStream) -> TokenStream {
    finish(fault::expand(&parse_macro_input!(item as DeriveInput)))
}

fn finish(expansion: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expansion.unwrap_or_else(|error| error.to_compile_error()).into()
}
