//! The methods of a SCORE as they stand in its `impl` block.

use crate::fields::plain;
use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Error, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, Pat, PatType, Result,
    ReturnType, Type, Visibility,
};

/// What a method is called by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Deploy,
    Invoke,
    Query,
    Migrate,
}

impl Kind {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Invoke => "invoke",
            Self::Query => "query",
            Self::Migrate => "migrate",
        }
    }

    /// The constant in the ABI.
    pub(super) fn constant(self) -> TokenStream {
        let name = format_ident!("{}", self.text().to_uppercase());
        quote!(::score_native::abi::kind::#name)
    }
}

/// A public method with `self`.
pub(super) struct Method {
    pub(super) name: Ident,
    pub(super) kind: Kind,
    /// The catch-all of its kind.
    pub(super) any: bool,
    /// Names of the arguments, without `self` and the context.
    pub(super) args: Vec<Ident>,
    pub(super) types: Vec<Type>,
    /// Where the context stands among the arguments.
    cx_at: Option<usize>,
    pub(super) answer: TokenStream,
}

/// All methods of the block, with the marks of the macro taken off.
pub(super) fn all(block: &mut ItemImpl) -> Result<Vec<Method>> {
    let mut methods = Vec::new();
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else { continue };
        let any = take_any(&mut function.attrs)?;
        if let Some(method) = read(function, any)? {
            let twice = |earlier: &Method| earlier.any && any && earlier.kind == method.kind;
            if methods.iter().any(twice) {
                return Err(Error::new_spanned(&method.name, "one catch-all of a kind is enough"));
            }
            methods.push(method);
        }
    }
    Ok(methods)
}

/// Takes `#[score(any)]` off.
fn take_any(attributes: &mut Vec<Attribute>) -> Result<bool> {
    let Some(at) = attributes.iter().position(|attribute| attribute.path().is_ident("score"))
    else {
        return Ok(false);
    };
    let mark: Ident = attributes.remove(at).parse_args()?;
    if mark == "any" { Ok(true) } else { Err(Error::new_spanned(mark, "`any` is the only mark")) }
}

fn read(function: &ImplItemFn, any: bool) -> Result<Option<Method>> {
    let (name, mut inputs) = (&function.sig.ident, function.sig.inputs.iter());
    let receiver = match (&function.vis, inputs.next()) {
        (Visibility::Public(_), Some(FnArg::Receiver(receiver))) => receiver,
        _ if any => return Err(Error::new_spanned(name, "a catch-all is public and takes self")),
        _ => return Ok(None),
    };
    if receiver.reference.is_none() {
        return Err(Error::new_spanned(receiver, "`&mut self` (transaction) or `&self` (query)"));
    }
    let mut method = Method {
        name: name.clone(),
        kind: kind(&plain(name), receiver.mutability.is_some(), any),
        any,
        args: Vec::new(),
        types: Vec::new(),
        cx_at: None,
        answer: match &function.sig.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, answer) => answer.to_token_stream(),
        },
    };
    for input in inputs {
        if let FnArg::Typed(input) = input {
            method.read_argument(input)?;
        }
    }
    if method.kind == Kind::Migrate && method.args.len() != 1 {
        let wish = "`migrate` takes one argument, `from: String`: the version before this one";
        return Err(Error::new_spanned(name, wish));
    }
    if any && method.args.len() != 2 {
        return Err(Error::new_spanned(name, "a catch-all takes `method: String, body: Vec<u8>`"));
    }
    Ok(Some(method))
}

fn kind(name: &str, mutable: bool, any: bool) -> Kind {
    match (name, mutable) {
        ("deploy", _) if !any => Kind::Deploy,
        ("migrate", _) if !any => Kind::Migrate,
        (_, true) => Kind::Invoke,
        (_, false) => Kind::Query,
    }
}

impl Method {
    fn read_argument(&mut self, input: &PatType) -> Result<()> {
        if let Type::Reference(reference) = &*input.ty {
            if !is_cx(&reference.elem) || self.cx_at.is_some() {
                let wish = "arguments are values; the only reference is one `cx: &Cx`";
                return Err(Error::new_spanned(&input.ty, wish));
            }
            self.cx_at = Some(self.args.len());
            return Ok(());
        }
        let Pat::Ident(pattern) = &*input.pat else {
            return Err(Error::new_spanned(&input.pat, "an argument is a plain name"));
        };
        self.args.push(pattern.ident.clone());
        self.types.push((*input.ty).clone());
        Ok(())
    }

    /// Takes the arguments and calls the method.
    pub(super) fn call(&self) -> TokenStream {
        let (count, types) = (self.args.len(), &self.types);
        let locals: Vec<_> = (0..count).map(|at| format_ident!("a{at}")).collect();
        let texts = self.args.iter().map(plain);
        let call = self.called_with(locals.iter().map(|local| quote!(#local)).collect());
        let binding = if count == 0 { quote!(let arguments) } else { quote!(let mut arguments) };
        quote! {
            #binding = ::score_native::args::Arguments::open(args, #count)?;
            #(let #locals = arguments.take::<#types>(#texts)?;)*
            arguments.close()?;
            Ok(::score_native::Answer::outcome(#call))
        }
    }

    /// Calls the catch-all with the method's name and the body.
    pub(super) fn call_any(&self) -> TokenStream {
        let call = self.called_with(vec![
            quote!(::score_native::alloc::string::String::from(method)),
            quote!(args.to_vec()),
        ]);
        quote!(Ok(::score_native::Answer::outcome(#call)))
    }

    fn called_with(&self, mut arguments: Vec<TokenStream>) -> TokenStream {
        if let Some(at) = self.cx_at {
            arguments.insert(at, quote!(cx));
        }
        let name = &self.name;
        quote!(score.#name(#(#arguments),*))
    }
}

fn is_cx(of: &Type) -> bool {
    let Type::Path(path) = of else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "Cx")
}
