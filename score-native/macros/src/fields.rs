//! The named fields of a struct: what State, Event and Value have in common.

use proc_macro2::Ident;
use syn::{Data, DeriveInput, Error, Fields, Result, Type};

/// Names, names as text, and types, in order.
pub(crate) struct Named<'a> {
    pub(crate) names: Vec<&'a Ident>,
    pub(crate) texts: Vec<String>,
    pub(crate) types: Vec<&'a Type>,
}

/// The fields of a struct without generic parameters.
pub(crate) fn named<'a>(item: &'a DeriveInput, derive: &str) -> Result<Named<'a>> {
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(&item.generics, format!("{derive}: no generics here")));
    }
    let Data::Struct(data) = &item.data else {
        return Err(Error::new_spanned(&item.ident, format!("{derive} wants a struct")));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(Error::new_spanned(&item.ident, format!("{derive} wants named fields")));
    };
    let names: Vec<_> = fields.named.iter().filter_map(|field| field.ident.as_ref()).collect();
    let texts = names.iter().map(|name| plain(name)).collect();
    Ok(Named { names, texts, types: fields.named.iter().map(|field| &field.ty).collect() })
}

/// A name as text, without the `r#` of a keyword.
pub(crate) fn plain(name: &Ident) -> String {
    let text = name.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}
