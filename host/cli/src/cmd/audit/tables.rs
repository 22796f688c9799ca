//! The forms of a report: rows as CSV, HTML and JSON.
//!
//! In: rows and what is said above them. Out: texts. A name of a method comes from whoever sent the
//! transaction: it is quoted in CSV, where it may be no formula, and escaped in HTML.

use serde_json::{Value, json};
use std::fmt::Write;

/// One transaction.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub height: u64,
    pub index: u64,
    pub time: String,
    pub hash: String,
    pub signer: String,
    pub score: String,
    pub method: String,
    pub status: &'static str,
    pub code: u32,
}

const HEAD: [&str; 10] =
    ["height", "index", "time", "hash", "signer", "score", "method", "status", "code", "receipt"];

impl Row {
    /// Its receipt, relative to the report's folder.
    pub(super) fn receipt(&self) -> String {
        format!("proofs/{}.json", self.hash)
    }

    fn cells(&self) -> [String; 10] {
        [
            self.height.to_string(),
            self.index.to_string(),
            self.time.clone(),
            self.hash.clone(),
            self.signer.clone(),
            self.score.clone(),
            self.method.clone(),
            self.status.to_owned(),
            self.code.to_string(),
            self.receipt(),
        ]
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "height": self.height, "index": self.index, "time": self.time, "hash": self.hash,
            "signer": self.signer, "score": self.score, "method": self.method,
            "status": self.status, "code": self.code, "receipt": self.receipt(),
        })
    }
}

/// RFC 4180; a cell that a spreadsheet would compute gets an apostrophe.
fn csv_cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

pub(super) fn csv(rows: &[Row]) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<_> = cells.iter().map(|cell| csv_cell(cell)).collect();
        format!("{}\r\n", cells.join(","))
    };
    let head = line(&HEAD.map(str::to_owned));
    rows.iter().fold(head, |text, row| text + &line(&row.cells()))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `facts` are lines above the table.
pub(super) fn html(title: &str, facts: &[String], rows: &[Row]) -> String {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n\
         <style>body{{font:14px sans-serif;margin:2em}}td,th{{padding:2px 8px;text-align:left;\
         border-bottom:1px solid #ddd}}td{{font-family:monospace}}</style></head>\n\
         <body><h1>{0}</h1>\n",
        escaped(title)
    );
    let mut add = |line: String| writeln!(text, "{line}").unwrap_or_default();
    facts.iter().for_each(|fact| add(format!("<p>{}</p>", escaped(fact))));
    add("<table><tr>".to_owned());
    HEAD.iter().for_each(|head| add(format!("<th>{head}</th>")));
    add("</tr>".to_owned());
    for row in rows {
        let [cells @ .., receipt] = row.cells();
        let cells: String =
            cells.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        add(format!("<tr>{cells}<td><a href=\"{receipt}\">receipt</a></td></tr>"));
    }
    add("</table></body></html>".to_owned());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(method: &str) -> Row {
        Row {
            height: 3,
            index: 0,
            time: "2026-10-01T00:00:00Z".into(),
            hash: "ab".into(),
            signer: "bank-a/alice".into(),
            score: "token".into(),
            method: method.into(),
            status: "ok",
            code: 0,
        }
    }

    #[test]
    fn what_a_stranger_wrote_is_neither_a_formula_nor_a_tag() {
        let text = csv(&[row("=cmd|'x'!A1,\"y\"")]);
        let line = text.lines().nth(1).unwrap();
        assert!(line.contains(",\"'=cmd|'x'!A1,\"\"y\"\"\",ok,"), "{line}");
        assert!(text.ends_with("\r\n") && text.starts_with("height,index,"), "{text}");
        let page = html("a & b", &["<i>".to_owned()], &[row("<script>")]);
        assert!(!page.contains("<script>") && !page.contains("<i>"), "{page}");
        assert!(page.contains("<td>&lt;script&gt;</td>") && page.contains("a &amp; b"), "{page}");
        assert!(page.contains("<a href=\"proofs/ab.json\">"), "{page}");
    }
}
