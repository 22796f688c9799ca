//! `#[derive(Value)]`: a struct as the array of its fields, an enum as its variant's number and the
//! fields.

use crate::{
    event::{decode, encode, infos},
    fields::{named, plain},
};
use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};
use syn::{Data, DataEnum, DeriveInput, Error, Fields, FieldsUnnamed, Result, Type, Variant};

pub(crate) fn expand(item: &DeriveInput) -> Result<TokenStream> {
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(&item.generics, "Value: no generics here"));
    }
    let body = match &item.data {
        Data::Enum(data) => choice(item, data)?,
        Data::Struct(data) => match &data.fields {
            Fields::Unnamed(fields) => tuple(item, fields)?,
            Fields::Named(_) | Fields::Unit => record(item)?,
        },
        Data::Union(_) => return Err(Error::new_spanned(&item.ident, "Value: no unions")),
    };
    let value = &item.ident;
    Ok(quote! {
        impl ::score_native::Value for #value { #body }
    })
}

fn record(item: &DeriveInput) -> Result<TokenStream> {
    let fields = named(item, "Value")?;
    let (infos, encode, decode) = (infos(&fields), encode(&fields), decode(&fields));
    Ok(quote! {
        const TYPE: ::score_native::manifest::TypeName =
            ::score_native::manifest::TypeName::record(#infos);
        #encode
        #decode
    })
}

/// One field: as the field itself. More of them: as a tuple.
fn tuple(item: &DeriveInput, fields: &FieldsUnnamed) -> Result<TokenStream> {
    let types: Vec<&Type> = fields.unnamed.iter().map(|field| &field.ty).collect();
    if types.is_empty() {
        return Err(Error::new_spanned(&item.ident, "Value wants a field"));
    }
    let at = (0..types.len()).map(syn::Index::from);
    let (whole, nullable, inner): (TokenStream, TokenStream, TokenStream);
    match types.as_slice() {
        [only] => {
            whole = quote!(#only);
            nullable = quote!(<#only as ::score_native::Value>::NULLABLE);
            inner = quote! {
                Ok(Self(<#only as ::score_native::Value>::decode(reader)?))
            };
        }
        _ => {
            let count = types.len();
            whole = quote!((#(#types),*));
            nullable = quote!(false);
            inner = quote! {
                reader.array_of(#count)?;
                Ok(Self(#(<#types as ::score_native::Value>::decode(reader)?),*))
            };
        }
    }
    let head = (types.len() > 1).then(|| {
        let count = types.len();
        quote!(::score_native::args::write_array(out, #count);)
    });
    let (out, reader, result) = signature();
    Ok(quote! {
        const TYPE: ::score_native::manifest::TypeName = <#whole as ::score_native::Value>::TYPE;
        const NULLABLE: bool = #nullable;
        fn encode(&self, #out) {
            #head
            #(::score_native::Value::encode(&self.#at, out);)*
        }
        fn decode(#reader) -> #result { #inner }
    })
}

fn choice(item: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    if data.variants.is_empty() {
        return Err(Error::new_spanned(&item.ident, "Value wants a variant"));
    }
    let variants: Vec<_> = data.variants.iter().map(Parts::of).collect();
    let infos = variants.iter().map(Parts::info);
    let encodes = variants.iter().zip(0u64..).map(|(parts, at)| parts.encode(at));
    let decodes = variants.iter().zip(0u64..).map(|(parts, at)| parts.decode(at));
    let (out, reader, result) = signature();
    Ok(quote! {
        const TYPE: ::score_native::manifest::TypeName =
            ::score_native::manifest::TypeName::choice(&[#(#infos),*]);
        fn encode(&self, #out) {
            match self { #(#encodes)* }
        }
        fn decode(#reader) -> #result {
            match reader.variant()? {
                #(#decodes)*
                _ => Err(::score_native::args::Malformed::OutOfRange),
            }
        }
    })
}

/// A variant.
struct Parts<'a> {
    name: &'a Ident,
    /// Names in the manifest: those of the fields, or their positions.
    texts: Vec<String>,
    types: Vec<&'a Type>,
    /// Names in the pattern.
    locals: Vec<Ident>,
    pattern: TokenStream,
}

impl<'a> Parts<'a> {
    fn of(variant: &'a Variant) -> Self {
        let name = &variant.ident;
        let types: Vec<_> = variant.fields.iter().map(|field| &field.ty).collect();
        let locals: Vec<_> = (0..types.len()).map(|at| format_ident!("f{at}")).collect();
        let (texts, pattern) = match &variant.fields {
            Fields::Named(fields) => {
                let names: Vec<_> = fields.named.iter().filter_map(|f| f.ident.as_ref()).collect();
                let texts = names.iter().map(|name| plain(name)).collect();
                (texts, quote!(Self::#name { #(#names: #locals),* }))
            }
            Fields::Unnamed(_) => {
                let texts = (0..types.len()).map(|at| at.to_string()).collect();
                (texts, quote!(Self::#name(#(#locals),*)))
            }
            Fields::Unit => (Vec::new(), quote!(Self::#name)),
        };
        Self { name, texts, types, locals, pattern }
    }

    fn info(&self) -> TokenStream {
        let (name, texts, types) = (plain(self.name), &self.texts, &self.types);
        quote!((#name, &[#(::score_native::contract::field::<#types>(#texts)),*]))
    }

    fn encode(&self, at: u64) -> TokenStream {
        let (pattern, locals, items) = (&self.pattern, &self.locals, self.types.len() + 1);
        quote! {
            #pattern => {
                ::score_native::args::write_array(out, #items);
                ::score_native::Value::encode(&#at, out);
                #(::score_native::Value::encode(#locals, out);)*
            }
        }
    }

    fn decode(&self, at: u64) -> TokenStream {
        let (pattern, locals, types) = (&self.pattern, &self.locals, &self.types);
        let fields = types.len();
        quote! {
            (#at, #fields) => {
                #(let #locals = <#types as ::score_native::Value>::decode(reader)?;)*
                Ok(#pattern)
            }
        }
    }
}

/// The parameters of the two methods of `Value`, and what the second one gives.
fn signature() -> (TokenStream, TokenStream, TokenStream) {
    (
        quote!(out: &mut ::score_native::alloc::vec::Vec<u8>),
        quote!(reader: &mut ::score_native::args::Reader<'_>),
        quote!(::core::result::Result<Self, ::score_native::args::Malformed>),
    )
}
