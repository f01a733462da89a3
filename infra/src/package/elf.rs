//! What a program needs of the system that it runs on.

use object::Endianness;
use object::elf::FileHeader64;
use object::read::elf::FileHeader as _;
use std::fmt;

/// A version of the C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub(super) u32, pub(super) u32);

impl Version {
    /// Reads the name of a symbol version, e.g. `GLIBC_2.34` or `GLIBC_2.2.5`.
    fn of(name: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(name).ok()?.strip_prefix("GLIBC_")?;
        let mut parts = text.split('.').map(str::parse);
        Some(Self(parts.next()?.ok()?, parts.next()?.ok()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The newest version of the C library that a symbol of this 64-bit program is bound to; none if it uses none.
pub(super) fn newest_glibc(program: &[u8]) -> Result<Option<Version>, object::Error> {
    let header = FileHeader64::<Endianness>::parse(program)?;
    let endian = header.endian()?;
    let sections = header.sections(endian, program)?;
    let Some((mut libraries, strings)) = sections.gnu_verneed(endian, program)? else {
        return Ok(None);
    };
    let strings = sections.strings(endian, program, strings)?;
    let mut newest = None;
    while let Some((_, mut versions)) = libraries.next()? {
        while let Some(version) = versions.next()? {
            newest = newest.max(Version::of(version.name(endian, strings)?));
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let check = |name: &str, version: Option<Version>| assert_eq!(Version::of(name.as_bytes()), version, "{name}");
        check("GLIBC_2.34", Some(Version(2, 34)));
        check("GLIBC_2.2.5", Some(Version(2, 2)));
        check("GCC_3.0", None);
        check("GLIBC_PRIVATE", None);
        assert!(Version(2, 4) < Version(2, 34));
    }

    #[test]
    fn this_program_needs_some_version_and_a_text_is_no_program() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(newest_glibc(&program).unwrap() > Some(Version(2, 0)));
        assert!(newest_glibc(b"#!/bin/sh\n").is_err());
    }
}
