//! `#[score_interface]`: a trait's methods become the methods of a handle on another SCORE.

use crate::fields::plain;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, FnArg, Ident, ItemTrait, Pat, Result, ReturnType, TraitItem, TraitItemFn, Type};

pub(crate) fn expand(item: &ItemTrait) -> Result<TokenStream> {
    if !item.generics.params.is_empty() || !item.supertraits.is_empty() {
        return Err(Error::new_spanned(
            &item.ident,
            "an interface has no generics and no supertraits",
        ));
    }
    let handle = format_ident!("{}Ref", item.ident);
    let (visibility, attributes) = (&item.vis, &item.attrs);
    let methods = item.items.iter().map(method).collect::<Result<Vec<_>>>()?;
    let about = format!("A SCORE of this channel that has the methods of `{}`.", item.ident);
    Ok(quote! {
        #(#attributes)*
        #[doc = ""]
        #[doc = #about]
        #[derive(Clone, Debug)]
        #visibility struct #handle(::score_native::interface::Handle);

        #[allow(dead_code, reason = "an interface may have more methods than its user needs")]
        impl #handle {
            /// The SCORE of this name.
            #[must_use]
            #visibility fn at(score: &str) -> Self {
                Self(::score_native::interface::Handle::at(score))
            }
            #(#methods)*
        }
    })
}

fn method(item: &TraitItem) -> Result<TokenStream> {
    let TraitItem::Fn(function) = item else {
        return Err(Error::new_spanned(item, "an interface has methods only"));
    };
    if function.default.is_some() {
        return Err(Error::new_spanned(function, "the body is the other SCORE's"));
    }
    let (arguments, types) = arguments(function)?;
    let (name, attributes) = (&function.sig.ident, &function.attrs);
    let (text, count) = (plain(name), arguments.len());
    let receiver = receiver(function)?;
    let answer = match &function.sig.output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, answer) => quote!(#answer),
    };
    Ok(quote! {
        #(#attributes)*
        pub fn #name(#receiver, #(#arguments: #types),*) -> #answer {
            let call = self.0.call(#text, #count)#(.with(&#arguments))*;
            <#answer as ::score_native::interface::Called>::of(call.send())
        }
    })
}

fn receiver(function: &TraitItemFn) -> Result<TokenStream> {
    let wish = "`&mut self` (a transaction of the other SCORE) or `&self` (a query)";
    let Some(FnArg::Receiver(receiver)) = function.sig.inputs.first() else {
        return Err(Error::new_spanned(&function.sig, wish));
    };
    if receiver.reference.is_none() {
        return Err(Error::new_spanned(receiver, wish));
    }
    Ok(quote!(#receiver))
}

fn arguments(function: &TraitItemFn) -> Result<(Vec<&Ident>, Vec<&Type>)> {
    let (mut names, mut types) = (Vec::new(), Vec::new());
    for input in &function.sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        if matches!(&*input.ty, Type::Reference(_)) {
            return Err(Error::new_spanned(&input.ty, "arguments are values"));
        }
        let Pat::Ident(pattern) = &*input.pat else {
            return Err(Error::new_spanned(&input.pat, "an argument is a plain name"));
        };
        names.push(&pattern.ident);
        types.push(&*input.ty);
    }
    Ok((names, types))
}
