//! `#[derive(Event)]`: a struct as the array of its fields.

use crate::fields::{Named, named, plain};
use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Result};

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let fields = named(item, "Event")?;
    let (event, name) = (&item.ident, snake(&plain(&item.ident)));
    let (infos, encode, decode) = (infos(&fields), encode(&fields), decode(&fields));
    Ok(quote! {
        impl ::score_native::Event for #event {
            const INFO: ::score_native::manifest::EventInfo =
                ::score_native::manifest::EventInfo { name: #name, fields: #infos };
            #encode
            #decode
        }
    })
}

pub(crate) fn infos(fields: &Named<'_>) -> TokenStream {
    let Named { texts, types, .. } = fields;
    quote!(&[#(::score_native::contract::field::<#types>(#texts)),*])
}

pub(crate) fn encode(fields: &Named<'_>) -> TokenStream {
    let names = &fields.names;
    let count = names.len();
    quote! {
        fn encode(&self, out: &mut ::score_native::alloc::vec::Vec<u8>) {
            ::score_native::args::write_array(out, #count);
            #(::score_native::Value::encode(&self.#names, out);)*
        }
    }
}

pub(crate) fn decode(fields: &Named<'_>) -> TokenStream {
    let Named { names, types, .. } = fields;
    let count = names.len();
    quote! {
        fn decode(
            reader: &mut ::score_native::args::Reader<'_>,
        ) -> ::core::result::Result<Self, ::score_native::args::Malformed> {
            reader.array_of(#count)?;
            Ok(Self { #(#names: <#types as ::score_native::Value>::decode(reader)?),* })
        }
    }
}

/// `TokenMinted` → `token_minted`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for (at, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && at > 0 {
            out.push('_');
        }
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_event_is_named_in_lower_snake_case() {
        assert_eq!(super::snake("TokenMinted"), "token_minted");
        assert_eq!(super::snake("Transfer"), "transfer");
    }
}
