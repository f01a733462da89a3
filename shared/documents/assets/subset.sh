#!/bin/sh
# Makes the two committed fonts from Debian's fonts-dejavu-core (DejaVu 2.37). Needs fonttools.
# Kept: Latin, Greek, Cyrillic, Hebrew, Arabic (base letters and presentation forms), punctuation, currency
# signs, common symbols. Dropped: hints (printers and screens of today need none) and layout tables (src/arabic.rs joins).
set -eu
cd "$(dirname "$0")"
latin=U+0020-007E,U+00A0-017F,U+0192,U+0218-021B,U+02C6,U+02C7,U+02D8-02DD,U+0300-030C,U+0326-0328,U+1E00-1E03,U+1E80-1E85,U+1E9E,U+1EA0-1EF9
greek=U+0370-03FF
cyrillic=U+0400-045F,U+0462,U+0463,U+0472-0475,U+0490-0493,U+0496-049D,U+04A0-04A3,U+04AE-04B3,U+04B6-04BB,U+04C0,U+04CF,U+04D8,U+04D9,U+04E2,U+04E3,U+04E8,U+04E9,U+04EE,U+04EF
hebrew=U+05D0-05EA,U+05F0-05F4
arabic=U+060C,U+061B,U+061F,U+0621-063A,U+0640-064A,U+0660-066D,U+067E,U+0686,U+0698,U+06A9,U+06AF,U+06CC,U+06F0-06F9,U+FB56-FB59,U+FB7A-FB7D,U+FB8A,U+FB8B,U+FB8E-FB95,U+FBFC-FBFF,U+FE80-FEFC
signs=U+2010-2015,U+2018-201E,U+2020-2022,U+2026,U+2030,U+2032,U+2033,U+2039,U+203A,U+2044,U+2070-209C,U+20A0-20BF,U+2116,U+2117,U+2120,U+2122,U+2126,U+2150-215F,U+2190-2195,U+2205,U+2212,U+221A,U+221E,U+2248,U+2260,U+2264,U+2265,U+25A0,U+25A1,U+25CA,U+2605,U+2606,U+2660-2667,U+2713,U+2717,U+FB01,U+FB02,U+FFFD
for face in DejaVuSans DejaVuSans-Bold; do
  pyftsubset "/usr/share/fonts/truetype/dejavu/$face.ttf" --output-file="$face.ttf" \
    --unicodes="$latin,$greek,$cyrillic,$hebrew,$arabic,$signs" \
    --no-hinting --layout-features='' --drop-tables+=GSUB,GPOS,GDEF,kern,FFTM,MATH,gasp \
    --notdef-outline --no-glyph-names --no-recalc-timestamp
done
