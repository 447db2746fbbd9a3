//! What final names are made of: a text with `{fields}`.

use std::fmt;
use std::str::FromStr;

/// A template for the path of a file below its folder, as `--name` gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(String);

impl FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Template, String> {
        Ok(Template(text.to_owned()))
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
