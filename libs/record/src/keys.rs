//! Unknown keys of a header. They are kept in their order and written back, so
//! that a stream survives a program that is older than the one that wrote it.

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// Keys of the frame, not of the type: the decoder and the encoder own them.
pub(crate) const RESERVED: [&str; 2] = ["len", "type"];

/// Reads what no field of the struct claimed, without the frame's own keys.
pub(crate) fn rest<'de, D: Deserializer<'de>>(input: D) -> Result<Map<String, Value>, D::Error> {
    input.deserialize_map(Rest)
}

/// Skipping the frame's keys here, instead of removing them from the finished
/// map, leaves the map unallocated for every record without unknown keys.
struct Rest;

impl<'de> Visitor<'de> for Rest {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut input: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = input.next_key::<Cow<'de, str>>()? {
            let value = input.next_value::<Value>()?;
            if !RESERVED.contains(&key.as_ref()) {
                map.insert(key.into_owned(), value);
            }
        }
        Ok(map)
    }
}
