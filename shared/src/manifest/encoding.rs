//! Text in the encodings that kubectl reads.

use std::borrow::Cow;

/// How the text of a file is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8; whether it has a byte order mark.
    #[default]
    Utf8,
    /// UTF-8 with a byte order mark.
    Utf8Marked,
    /// UTF-16 with a byte order mark, low byte first.
    Utf16Little,
    /// UTF-16 with a byte order mark, high byte first.
    Utf16Big,
}

impl Encoding {
    /// Returns how bytes are written: the byte order mark says it.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xef, 0xbb, 0xbf, ..] => Self::Utf8Marked,
            [0xff, 0xfe, ..] => Self::Utf16Little,
            [0xfe, 0xff, ..] => Self::Utf16Big,
            _ => Self::Utf8,
        }
    }

    /// Writes text in this encoding.
    #[must_use]
    pub fn bytes(self, text: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(text.len() + 3);
        match self {
            Self::Utf8 => bytes.extend(text.as_bytes()),
            Self::Utf8Marked => {
                bytes.extend("\u{feff}".as_bytes());
                bytes.extend(text.as_bytes());
            }
            Self::Utf16Little | Self::Utf16Big => {
                for unit in "\u{feff}".encode_utf16().chain(text.encode_utf16()) {
                    bytes.extend(if self == Self::Utf16Little {
                        unit.to_le_bytes()
                    } else {
                        unit.to_be_bytes()
                    });
                }
            }
        }
        bytes
    }
}

/// Returns the text of a file without its byte order mark.
///
/// # Errors
///
/// That it is not text.
pub fn text(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let encoding = Encoding::of(bytes);
    let text = match encoding {
        Encoding::Utf8 => Cow::Borrowed(str::from_utf8(bytes).map_err(|_| NOT_TEXT)?),
        Encoding::Utf8Marked => Cow::Borrowed(str::from_utf8(&bytes[3..]).map_err(|_| NOT_TEXT)?),
        Encoding::Utf16Little | Encoding::Utf16Big => {
            let pairs = bytes[2..].chunks_exact(2);
            if !pairs.remainder().is_empty() {
                return Err("half a character at its end: not text in UTF-16".to_owned());
            }
            let units = pairs.map(|pair| {
                let pair = [pair[0], pair[1]];
                if encoding == Encoding::Utf16Little {
                    u16::from_le_bytes(pair)
                } else {
                    u16::from_be_bytes(pair)
                }
            });
            let text: Result<String, _> = char::decode_utf16(units).collect();
            Cow::Owned(text.map_err(|_| "not text in UTF-16".to_owned())?)
        }
    };
    if text.contains('\0') {
        return Err("not text".to_owned());
    }
    Ok(text)
}

const NOT_TEXT: &str = "not text in UTF-8, or in UTF-16 with a byte order mark";
