//! Numbers of seven bits a byte, lowest first, in as few bytes as possible; texts with their length before them.

use super::super::bytes::Reader;
use super::super::error::Malformed;

pub(super) fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_size(out: &mut Vec<u8>, size: usize) {
    put_varint(out, size as u64);
}

pub(super) fn put_sized(out: &mut Vec<u8>, text: &str) {
    put_size(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// One more than the length, so that nothing is another than an empty text.
pub(super) fn put_sized_optional(out: &mut Vec<u8>, text: Option<&str>) {
    put_size(out, text.map_or(0, |text| text.len() + 1));
    out.extend_from_slice(text.unwrap_or_default().as_bytes());
}

/// Small differences, whatever their sign, as small numbers.
pub(super) fn zigzag(number: i64) -> u64 {
    (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned()
}

pub(super) fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

impl<'a> Reader<'a> {
    pub(super) fn varint(&mut self) -> Result<u64, Malformed> {
        let first = self.u8()?;
        if first < 0x80 { Ok(u64::from(first)) } else { self.longer_varint(first) }
    }

    fn longer_varint(&mut self, first: u8) -> Result<u64, Malformed> {
        let mut number = u64::from(first & 0x7f);
        for shift in (7..64).step_by(7) {
            let byte = self.u8()?;
            // A last zero says nothing, and ten bytes have room for 70 bits.
            if byte == 0 || shift == 63 && byte > 1 {
                return Err(Malformed::new("a number is not in its one form"));
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Malformed::new("a number is not in its one form"))
    }

    /// What no memory has room for is not there either.
    pub(super) fn size(&mut self) -> Result<usize, Malformed> {
        self.varint().map(|size| usize::try_from(size).unwrap_or(usize::MAX))
    }

    pub(super) fn sized(&mut self, length: usize) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.take(length)?).map_err(|_| Malformed::new("a text is not UTF-8"))
    }

    pub(super) fn sized_text(&mut self) -> Result<&'a str, Malformed> {
        let length = self.size()?;
        self.sized(length)
    }

    pub(super) fn sized_optional(&mut self) -> Result<Option<&'a str>, Malformed> {
        match self.size()? {
            0 => Ok(None),
            length => self.sized(length - 1).map(Some),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form() {
        let numbers =
            [0, 1, 127, 128, 300, 16_383, 16_384, u64::from(u32::MAX), i64::MAX as u64, u64::MAX - 1, u64::MAX];
        for number in numbers {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, number);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.varint(), Ok(number));
            assert!(reader.is_empty());
            for end in 0..bytes.len() {
                assert!(Reader::new(&bytes[..end]).varint().is_err(), "{number} in {end} bytes");
            }
        }
        for bad in [
            &[0x80, 0][..],
            &[0xff, 0],
            &[0x80, 0x80, 0],
            &[0x80, 0x80, 1, 0][..2],
            &[0xff; 9],
            &[0xff; 10],
            &[0xff; 11],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81, 0],
        ] {
            assert!(Reader::new(bad).varint().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_difference_has_its_number() {
        for (number, zigzagged) in [(0, 0), (-1, 1), (1, 2), (-2, 3), (i64::MAX, u64::MAX - 1), (i64::MIN, u64::MAX)] {
            assert_eq!(zigzag(number), zigzagged);
            assert_eq!(unzigzag(zigzagged), number);
        }
    }

    #[test]
    fn a_text_is_not_longer_than_its_bytes() {
        for text in [None, Some(""), Some("é")] {
            let mut bytes = Vec::new();
            put_sized_optional(&mut bytes, text);
            assert_eq!(Reader::new(&bytes).sized_optional(), Ok(text));
        }
        for bad in [&[2][..], &[2, 0xff], &[0xff; 10], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]] {
            assert!(Reader::new(bad).sized_optional().is_err(), "{bad:?}");
            assert!(Reader::new(bad).sized_text().is_err(), "{bad:?}");
        }
    }
}
