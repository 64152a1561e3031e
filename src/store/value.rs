//! The values of statements, for both engines.

/// A value with its type, which PostgreSQL has to know for an absent value too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Integer(Option<i64>),
    Text(Option<String>),
    Blob(Option<Vec<u8>>),
    /// A column of many rows, for `unnest`.
    #[cfg(feature = "postgres")]
    Texts(Vec<Option<String>>),
    #[cfg(feature = "postgres")]
    Integers(Vec<Option<i64>>),
    #[cfg(feature = "postgres")]
    Blobs(Vec<Option<Vec<u8>>>),
}

#[cfg(feature = "postgres")]
impl Value {
    /// A column of texts that are all there.
    pub(super) fn texts<T: Into<String>>(texts: impl Iterator<Item = T>) -> Self {
        Self::Texts(texts.map(|text| Some(text.into())).collect())
    }

    /// A column of numbers that are all there.
    pub(super) fn integers(numbers: impl Iterator<Item = i64>) -> Self {
        Self::Integers(numbers.map(Some).collect())
    }
}

/// The values of a statement, as a slice.
macro_rules! values {
    ($($value:expr),* $(,)?) => {
        &[$($crate::store::value::Value::from($value)),*]
    };
}
pub(super) use values;

/// Conversions into one variant, also from absent values.
macro_rules! from {
    ($variant:ident: $($type:ty => $convert:expr),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                let convert: fn($type) -> _ = $convert;
                Self::$variant(Some(convert(value)))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                let convert: fn($type) -> _ = $convert;
                Self::$variant(value.map(convert))
            }
        }
    )*};
}

from!(Integer:
    i64 => |number| number,
    u32 => i64::from,
    bool => i64::from,
    // Beyond what a database can store: no number in it is larger.
    u64 => |number| i64::try_from(number).unwrap_or(i64::MAX),
    usize => |number| i64::try_from(number).unwrap_or(i64::MAX),
);
from!(Text: String => |text| text, &str => str::to_owned, &String => String::clone);
from!(Blob: Vec<u8> => |bytes| bytes);

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Blob(Some(bytes.into()))
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Blob(Some(bytes.into()))
    }
}

impl<const N: usize> From<Option<[u8; N]>> for Value {
    fn from(bytes: Option<[u8; N]>) -> Self {
        Self::Blob(bytes.map(Into::into))
    }
}
