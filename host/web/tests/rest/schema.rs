//! What of JSON Schema the OpenAPI document uses, as a strict comparison: a field that no table names is
//! a difference too.

use serde_json::Value;

/// The operation of a document that a request is for, with its path as the document has it.
pub(crate) fn matching<'a>(
    root: &'a Value,
    method: &str,
    path: &str,
) -> Option<(&'a str, &'a Value)> {
    let path = path.split('?').next()?;
    let paths = root["paths"].as_object()?;
    let fits = |template: &str| {
        let (names, parts) = (template.split('/'), path.split('/'));
        let same = names.clone().count() == parts.clone().count();
        same && names.zip(parts).all(|(name, part)| name.starts_with('{') || name == part)
    };
    let variables = |template: &str| template.matches('{').count();
    let (template, item) =
        paths.iter().filter(|(template, _)| fits(template)).min_by_key(|(t, _)| variables(t))?;
    Some((template, item.get(method.to_lowercase())?))
}

/// A schema within its document.
pub(crate) struct Shape<'a> {
    root: &'a Value,
    schema: &'a Value,
}

impl<'a> Shape<'a> {
    /// Of what an operation answers with a status.
    pub(crate) fn of(root: &'a Value, operation: &'a Value, status: u16) -> Self {
        let response = &operation["responses"][status.to_string()];
        let named = response["$ref"].as_str().and_then(|name| root.pointer(&name[1..]));
        let content = &named.unwrap_or(response)["content"];
        let media = ["application/json", "application/problem+json", "application/x-ndjson"];
        let schema = media.iter().find_map(|media| content.get(media)).map(|one| &one["schema"]);
        Self { root, schema: schema.unwrap_or(&Value::Bool(false)) }
    }

    /// Of what it takes.
    pub(crate) fn of_body(root: &'a Value, operation: &'a Value) -> Self {
        Self { root, schema: &operation["requestBody"]["content"]["application/json"]["schema"] }
    }

    /// What is not as it says.
    pub(crate) fn differences(&self, value: &Value) -> Vec<String> {
        let mut all = Vec::new();
        self.compare(self.schema, value, "", &mut all);
        all
    }

    fn compare(&self, schema: &Value, value: &Value, at: &str, all: &mut Vec<String>) {
        if schema == &Value::Bool(false) || schema.is_null() {
            all.push(format!("{at}: nothing is documented"));
            return;
        }
        if let Some(name) = schema["$ref"].as_str() {
            self.compare(self.root.pointer(&name[1..]).unwrap_or(&Value::Null), value, at, all);
            return;
        }
        if let Some(parts) = schema["anyOf"].as_array() {
            let mut tried = parts.iter().map(|part| {
                let mut wrong = Vec::new();
                self.compare(part, value, at, &mut wrong);
                wrong
            });
            if tried.clone().all(|wrong| !wrong.is_empty()) {
                all.extend(tried.by_ref().flatten());
            }
            return;
        }
        if let Some(parts) = schema["allOf"].as_array() {
            // The parts add to each other; what only one of them names is allowed.
            for part in parts {
                let mut wrong = Vec::new();
                self.compare(part, value, at, &mut wrong);
                all.extend(wrong.into_iter().filter(|one| !one.ends_with("is not documented")));
            }
            return;
        }
        let constrains = |key: &&String| !matches!(key.as_str(), "description" | "examples");
        if schema.as_object().is_some_and(|all| all.keys().find(constrains).is_none()) {
            return;
        }
        if !is_of_type(&schema["type"], value) {
            all.push(format!("{at}: {value} is no {}", schema["type"]));
            return;
        }
        if schema["enum"].as_array().is_some_and(|values| !values.contains(value)) {
            all.push(format!("{at}: {value} is none of {}", schema["enum"]));
        }
        if let Some(values) = value.as_array() {
            for (index, value) in values.iter().enumerate() {
                self.compare(&schema["items"], value, &format!("{at}/{index}"), all);
            }
        }
        self.compare_fields(schema, value, at, all);
    }

    fn compare_fields(&self, schema: &Value, value: &Value, at: &str, all: &mut Vec<String>) {
        let Some(fields) = value.as_object() else { return };
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                all.push(format!("{at}/{name} is missing"));
            }
        }
        let is_open = schema["properties"].is_null() && schema["additionalProperties"].is_null();
        for (name, value) in fields {
            let at = format!("{at}/{name}");
            let known = schema["properties"].get(name);
            match known.or(schema.get("additionalProperties")) {
                Some(schema) => self.compare(schema, value, &at, all),
                None if is_open => {}
                None => all.push(format!("{at} is not documented")),
            }
        }
    }
}

fn is_of_type(kind: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    };
    match kind {
        Value::String(kind) => is(kind),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}
