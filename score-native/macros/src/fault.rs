//! `#[derive(Fault)]`.

use crate::fields::plain;
use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::{Data, DeriveInput, Error, Fields, LitInt, LitStr, Result, Variant};

/// Codes above are the host's.
const LAST_CODE: u32 = 0xffff;

struct Arm {
    code: u32,
    info: TokenStream,
    code_arm: TokenStream,
    message_arm: TokenStream,
}

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    let fault = &item.ident;
    let Data::Enum(data) = &item.data else {
        return Err(Error::new_spanned(fault, "Fault wants an enum"));
    };
    let mut arms: Vec<Arm> = Vec::new();
    for (variant, position) in data.variants.iter().zip(1u32..) {
        let arm = arm(variant, position)?;
        if arms.iter().any(|earlier| earlier.code == arm.code) {
            return Err(Error::new_spanned(variant, format!("code {} is taken", arm.code)));
        }
        arms.push(arm);
    }
    let infos = arms.iter().map(|arm| &arm.info);
    let codes = arms.iter().map(|arm| &arm.code_arm);
    let messages = arms.iter().map(|arm| &arm.message_arm);
    Ok(quote! {
        impl ::score_native::Fault for #fault {
            const LIST: &'static [::score_native::manifest::FaultInfo] = &[#(#infos),*];
            fn code(&self) -> u32 {
                match self { #(#codes)* }
            }
            fn message(&self) -> ::score_native::alloc::string::String {
                match self { #(#messages)* }
            }
        }
    })
}

fn arm(variant: &Variant, position: u32) -> Result<Arm> {
    let (id, name) = (&variant.ident, plain(&variant.ident));
    let code = code(variant)?.unwrap_or(position);
    let message = message(variant)?.unwrap_or_else(|| LitStr::new(&name, id.span()));
    let fields: Vec<&Ident> = match &variant.fields {
        Fields::Named(fields) => fields.named.iter().filter_map(|f| f.ident.as_ref()).collect(),
        Fields::Unit => Vec::new(),
        Fields::Unnamed(fields) => {
            return Err(Error::new_spanned(fields, "give the fields names for the message"));
        }
    };
    let text = message.value();
    let used = fields.iter().filter(|field| mentions(&text, &plain(field)));
    Ok(Arm {
        code,
        info: quote! {
            ::score_native::manifest::FaultInfo { code: #code, name: #name, message: #message }
        },
        code_arm: quote!(Self::#id { .. } => #code,),
        message_arm: quote! {
            Self::#id { #(#used,)* .. } => ::score_native::alloc::format!(#message),
        },
    })
}

/// Whether the message has the placeholder `{field}` or `{field:…}`.
fn mentions(message: &str, field: &str) -> bool {
    [format!("{{{field}}}"), format!("{{{field}:")].iter().any(|part| message.contains(part))
}

fn message(variant: &Variant) -> Result<Option<LitStr>> {
    let attribute = variant.attrs.iter().find(|attribute| attribute.path().is_ident("msg"));
    attribute.map(syn::Attribute::parse_args).transpose()
}

fn code(variant: &Variant) -> Result<Option<u32>> {
    let attribute = variant.attrs.iter().find(|attribute| attribute.path().is_ident("code"));
    let Some(literal) = attribute.map(|a| a.parse_args::<LitInt>()).transpose()? else {
        return Ok(None);
    };
    match literal.base10_parse()? {
        code @ 1..=LAST_CODE => Ok(Some(code)),
        _ => Err(Error::new_spanned(literal, "a code is 1 to 65535")),
    }
}
