//! `#[derive(State)]`.

use crate::fields::{Named, named};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Result};

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let Named { names, texts, types } = named(item, "State")?;
    let state = &item.ident;
    Ok(quote! {
        impl ::score_native::State for #state {
            const PREFIXES: &'static [(&'static str, &'static str)] =
                &[#((#texts, <#types as ::score_native::state::Field>::SUFFIX)),*];
            fn open() -> Self {
                Self { #(#names: ::score_native::state::Field::open(#texts)),* }
            }
        }
    })
}
