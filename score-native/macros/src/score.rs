//! `#[score]`: the parts of the expansion. `method.rs` reads the methods.

use crate::fields::plain;
use method::{Kind, Method};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{
    Error, Ident, ItemImpl, LitStr, Path, Result, Token, Type, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

mod method;

/// What stands in `#[score(…)]` over the block.
pub(crate) struct Options {
    name: Option<LitStr>,
    events: Vec<Path>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self { name: None, events: Vec::new() };
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            if key == "name" {
                input.parse::<Token![=]>()?;
                options.name = Some(input.parse()?);
            } else if key == "events" {
                let list;
                parenthesized!(list in input);
                options.events.extend(Punctuated::<Path, Token![,]>::parse_terminated(&list)?);
            } else {
                return Err(Error::new_spanned(key, "`name = \"…\"` or `events(A, B)`"));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

pub(crate) fn expand(options: &Options, mut block: ItemImpl) -> Result<TokenStream> {
    if !block.generics.params.is_empty() || block.trait_.is_some() {
        return Err(Error::new_spanned(&block.self_ty, "#[score] wants a plain `impl Type`"));
    }
    let methods = method::all(&mut block)?;
    let score = (*block.self_ty).clone();
    let mut events = options.events.clone();
    emitted(block.to_token_stream(), &mut events)?;
    let (tx, manifest) = (tx_module(&methods), manifest(options, &methods, &events, &score));
    let (dispatch, table) = (dispatch(&score, &methods), table(&score));
    Ok(quote! {
        #block
        #tx
        const _: () = {
            #table
            impl ::score_native::Contract for #score {
                #manifest
                const TABLE: &'static ::score_native::abi::Score = &LOOPCHAIN_SCORE;
                #dispatch
            }
        };
    })
}

/// The types in `….emit(path::Type { … })`, anywhere in the block.
fn emitted(tokens: TokenStream, found: &mut Vec<Path>) -> Result<()> {
    let mut after_emit = false;
    for token in tokens {
        let TokenTree::Group(group) = &token else {
            after_emit = matches!(&token, TokenTree::Ident(ident) if ident == "emit");
            continue;
        };
        if after_emit && group.delimiter() == Delimiter::Parenthesis {
            let literal = group.stream().into_iter().take_while(|token| {
                !matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
            });
            if let Ok(path) = syn::parse2::<Path>(literal.collect()) {
                // `emit(event)` with a variable has no upper case; those stand in `events(…)`.
                let name = last_name(&path);
                let known = found.iter().any(|path| last_name(path) == name);
                if !known && name.starts_with(char::is_uppercase) {
                    found.push(path);
                }
            }
        }
        emitted(group.stream(), found)?;
        after_emit = false;
    }
    Ok(())
}

fn last_name(path: &Path) -> String {
    path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

/// Typed calls for tests and clients.
fn tx_module(methods: &[Method]) -> TokenStream {
    let calls = methods.iter().filter(|method| !method.any).map(|method| {
        let (name, text, types) = (&method.name, plain(&method.name), &method.types);
        let (names, count, kind) = (&method.args, method.args.len(), method.kind.constant());
        let answer = &method.answer;
        let doc = format!("A call of `{text}`.");
        quote! {
            #[doc = #doc]
            #[must_use]
            pub fn #name(
                #(#names: #types),*
            ) -> ::score_native::Invocation<<#answer as ::score_native::Answer>::Success> {
                ::score_native::Invocation::new(#kind, #text, #count)
                    #(.with(&#names))*
                    .answering()
            }
        }
    });
    quote! {
        /// Typed calls, for tests and clients.
        #[cfg(not(panic = "abort"))]
        pub mod tx {
            #[allow(unused_imports, clippy::wildcard_imports, reason = "the arguments' types")]
            use super::*;
            #(#calls)*
        }
    }
}

fn manifest(options: &Options, methods: &[Method], events: &[Path], score: &Type) -> TokenStream {
    let name = match &options.name {
        Some(name) => quote!(#name),
        None => quote!(env!("CARGO_CRATE_NAME")),
    };
    let infos = methods.iter().filter(|method| !method.any).map(method_info);
    let any = |kind: Kind| methods.iter().any(|method| method.any && method.kind == kind);
    let (any_invoke, any_query) = (any(Kind::Invoke), any(Kind::Query));
    quote! {
        const MANIFEST: &'static ::score_native::manifest::Manifest =
            &::score_native::manifest::Manifest {
                name: #name,
                version: env!("CARGO_PKG_VERSION"),
                methods: &[#(#infos),*],
                events: &[#(<#events as ::score_native::Event>::INFO),*],
                prefixes: <#score as ::score_native::State>::PREFIXES,
                any_invoke: #any_invoke,
                any_query: #any_query,
            };
    }
}

fn method_info(method: &Method) -> TokenStream {
    let (name, kind) = (plain(&method.name), method.kind.text());
    let texts = method.args.iter().map(plain);
    let (types, answer) = (&method.types, &method.answer);
    quote! {
        ::score_native::manifest::MethodInfo {
            name: #name,
            kind: #kind,
            args: &[#(::score_native::contract::field::<#types>(#texts)),*],
            returns: <#answer as ::score_native::Answer>::TYPE,
            faults: <#answer as ::score_native::Answer>::FAULTS,
        }
    }
}

fn dispatch(score: &Type, methods: &[Method]) -> TokenStream {
    let deploy = methods.iter().find(|method| method.kind == Kind::Deploy).map_or_else(
        || {
            quote! {
                ::score_native::args::Arguments::open(args, 0)?.close()?;
                Ok(::score_native::Outcome::NOTHING)
            }
        },
        Method::call,
    );
    // Whatever the version before: who has nothing to migrate takes the state as it is.
    let migrate = methods
        .iter()
        .find(|method| method.kind == Kind::Migrate)
        .map_or_else(|| quote!(Ok(::score_native::Outcome::NOTHING)), Method::call);
    let (invoke, query) = (by_name(methods, Kind::Invoke), by_name(methods, Kind::Query));
    quote! {
        fn dispatch(
            kind: u32,
            method: &str,
            args: &[u8],
            cx: &::score_native::Cx,
        ) -> ::core::result::Result<::score_native::Outcome, ::score_native::Refused> {
            #[allow(unused_mut, reason = "a SCORE may have queries only")]
            let mut score = <#score as ::score_native::State>::open();
            match kind {
                ::score_native::abi::kind::DEPLOY => { #deploy }
                ::score_native::abi::kind::MIGRATE => { #migrate }
                ::score_native::abi::kind::INVOKE => match method { #invoke },
                ::score_native::abi::kind::QUERY => match method { #query },
                _ => Err(::score_native::Refused::no_method(method)),
            }
        }
    }
}

fn by_name(methods: &[Method], kind: Kind) -> TokenStream {
    let of_kind = || methods.iter().filter(move |method| method.kind == kind);
    let arms = of_kind().filter(|method| !method.any).map(|method| {
        let (name, call) = (plain(&method.name), method.call());
        quote!(#name => { #call })
    });
    let rest = of_kind().find(|method| method.any).map_or_else(
        || quote!(_ => Err(::score_native::Refused::no_method(method)),),
        |method| {
            let call = method.call_any();
            quote!(_ => { #call })
        },
    );
    quote!(#(#arms)* #rest)
}

fn table(score: &Type) -> TokenStream {
    quote! {
        const MANIFEST_LEN: usize =
            <#score as ::score_native::Contract>::MANIFEST.json_len();
        #[cfg_attr(
            all(feature = "export", panic = "abort"),
            allow(unsafe_code, reason = "the manifest's section"),
            unsafe(link_section = ".loopscore")
        )]
        static MANIFEST_JSON: [u8; MANIFEST_LEN] =
            <#score as ::score_native::Contract>::MANIFEST.json();
        #[cfg_attr(
            all(feature = "export", panic = "abort"),
            allow(unsafe_code, reason = "the exported symbol"),
            unsafe(no_mangle),
            used
        )]
        static LOOPCHAIN_SCORE: ::score_native::abi::Score =
            ::score_native::export::table::<#score>(&MANIFEST_JSON);
    }
}
