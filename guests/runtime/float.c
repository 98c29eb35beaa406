/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A double as decimal text, correctly rounded: its exact value is a finite decimal, which is
 * computed in full in limbs of nine digits and then cut. Only fetching the argument needs the FPU.
 */
#include <stdint.h>
#include <string.h>

#include "format.h"

#define LIMB 1000000000u
#define LIMB_DIGITS 9

/* IEEE 754 binary64: up to 309 digits before the point, up to 1074 after it. */
#define INTEGER_LIMBS 36
#define LIMBS (INTEGER_LIMBS + 120)
#define POINT (INTEGER_LIMBS * LIMB_DIGITS) /* digits before the point */
#define DIGITS (LIMBS * LIMB_DIGITS)

#define PRECISION_MAX 1100 /* from the 1075th on there are only zeros, so more are not printed */
#define TEXT_BYTES (POINT + 1 + PRECISION_MAX + 8)

#define MANTISSA_BITS 52
#define EXPONENT_SPECIAL 0x7ff
#define EXPONENT_BIAS (1023 + MANTISSA_BITS)

static void multiply(uint32_t *limbs, unsigned bits)
{
	uint64_t carry = 0;

	for (int i = INTEGER_LIMBS - 1; i >= 0; i--) {
		uint64_t value = ((uint64_t)limbs[i] << bits) + carry;

		limbs[i] = (uint32_t)(value % LIMB);
		carry = value / LIMB;
	}
}

static void divide(uint32_t *limbs, unsigned bits)
{
	uint32_t carry = 0;

	for (int i = INTEGER_LIMBS - 2; i < LIMBS; i++) {
		uint32_t remainder = limbs[i] & ((1u << bits) - 1);

		limbs[i] = (limbs[i] >> bits) + carry;
		carry = (LIMB >> bits) * remainder;
	}
}

/* digits[0 … DIGITS): mantissa * 2^exponent, the point before digits[POINT]. */
static void expand(char *digits, uint64_t mantissa, int exponent)
{
	uint32_t limbs[LIMBS] = { [INTEGER_LIMBS - 2] = (uint32_t)(mantissa / LIMB),
				  [INTEGER_LIMBS - 1] = (uint32_t)(mantissa % LIMB) };

	for (int bits; exponent > 0; exponent -= bits) {
		bits = exponent < 29 ? exponent : 29; /* a limb has 30 bits: the product stays below 2^60 */
		multiply(limbs, (unsigned)bits);
	}
	for (int bits; exponent < 0; exponent += bits) {
		bits = -exponent < LIMB_DIGITS ? -exponent : LIMB_DIGITS; /* 10^9 is divisible by 2^9 */
		divide(limbs, (unsigned)bits);
	}
	for (int i = 0; i < LIMBS; i++) {
		uint32_t limb = limbs[i];

		for (int j = LIMB_DIGITS - 1; j >= 0; j--, limb /= 10)
			digits[i * LIMB_DIGITS + j] = (char)('0' + limb % 10);
	}
}

/* Keeps digits[0 … count), rounding to nearest, ties to even. */
static void cut(char *digits, int count)
{
	if (count >= DIGITS)
		return;

	bool up = digits[count] > '5', tie = digits[count] == '5';

	for (int i = count + 1; tie && i < DIGITS; i++)
		if (digits[i] != '0')
			tie = false, up = true;
	if (tie && count > 0)
		up = digits[count - 1] % 2; /* '0' is even */
	memset(digits + count, '0', (size_t)(DIGITS - count));
	for (int i = count - 1; up && i >= 0; i--) {
		up = digits[i] == '9';
		digits[i] = up ? '0' : (char)(digits[i] + 1);
	}
}

/* Index of the first digit that is not 0; that of the units where there is none. */
static int first_digit(const char *digits)
{
	for (int i = 0; i < DIGITS; i++)
		if (digits[i] != '0')
			return i;
	return POINT - 1;
}

/* Appends `count` digits from `from` on; beyond the last there are zeros. */
static char *append(char *to, const char *digits, int from, int count)
{
	for (int i = from; i < from + count; i++)
		*to++ = i < DIGITS ? digits[i] : '0';
	return to;
}

static char *drop_zeros(char *start, char *end)
{
	if (!memchr(start, '.', (size_t)(end - start)))
		return end;
	while (end[-1] == '0')
		end--;
	return end[-1] == '.' ? end - 1 : end;
}

static char *fixed(char *to, char *digits, int precision, bool point)
{
	cut(digits, POINT + precision);

	int first = first_digit(digits);

	if (first >= POINT)
		first = POINT - 1;
	to = append(to, digits, first, POINT - first);
	if (point || precision > 0)
		*to++ = '.';
	return append(to, digits, POINT, precision);
}

/* Writes d.ddd; returns its decimal exponent. */
static int scientific(char **to, char *digits, int precision, bool point)
{
	int first = first_digit(digits);

	cut(digits, first + precision + 1);
	first = first_digit(digits); /* 9.99 may have become 10.0 */
	*to = append(*to, digits, first, 1);
	if (point || precision > 0)
		*(*to)++ = '.';
	*to = append(*to, digits, first + 1, precision);
	return POINT - 1 - first;
}

static char *append_exponent(char *to, int exponent, char letter)
{
	unsigned value = (unsigned)(exponent < 0 ? -exponent : exponent);

	*to++ = letter;
	*to++ = exponent < 0 ? '-' : '+';
	if (value >= 100)
		*to++ = (char)('0' + value / 100);
	*to++ = (char)('0' + value / 10 % 10);
	*to++ = (char)('0' + value % 10);
	return to;
}

static char *general(char *text, char *digits, int precision, bool alternate, char exponent_letter)
{
	char *end = text;
	int significant = precision > 0 ? precision : 1;
	int exponent = scientific(&end, digits, significant - 1, alternate);

	if (exponent >= -4 && exponent < significant) {
		end = fixed(text, digits, significant - 1 - exponent, alternate);
		return alternate ? end : drop_zeros(text, end);
	}
	if (!alternate)
		end = drop_zeros(text, end);
	return append_exponent(end, exponent, exponent_letter);
}

static void format_bits(struct sink *sink, struct conversion *conversion, uint64_t bits)
{
	char digits[DIGITS], text[TEXT_BYTES], *end = text;
	uint64_t mantissa = bits & ((1ull << MANTISSA_BITS) - 1);
	int exponent = (int)(bits >> MANTISSA_BITS) & EXPONENT_SPECIAL;
	int precision = conversion->precision < 0 ? 6 : conversion->precision;
	bool capital = conversion->type >= 'A' && conversion->type <= 'Z';
	char letter = capital ? 'E' : 'e';
	const char *sign = bits >> 63 ? "-" : conversion->plus ? "+" : conversion->space ? " " : "";

	if (precision > PRECISION_MAX)
		precision = PRECISION_MAX;
	if (exponent == EXPONENT_SPECIAL) {
		conversion->zero = false;
		sink_field(sink, conversion, sign, 0, mantissa ? capital ? "NAN" : "nan" : capital ? "INF" : "inf", 3);
		return;
	}
	if (exponent > 0)
		mantissa |= 1ull << MANTISSA_BITS;
	else
		exponent = 1; /* subnormal */
	expand(digits, mantissa, exponent - EXPONENT_BIAS);
	switch (conversion->type) {
	case 'f': case 'F':
		end = fixed(end, digits, precision, conversion->alternate);
		break;
	case 'e': case 'E':
		exponent = scientific(&end, digits, precision, conversion->alternate);
		end = append_exponent(end, exponent, letter);
		break;
	default:
		end = general(text, digits, precision, conversion->alternate, letter);
	}
	sink_field(sink, conversion, sign, 0, text, (size_t)(end - text));
}

bool kvick_format_double(struct sink *sink, struct conversion *conversion, va_list *args)
{
	double value = conversion->length == 'L' ? (double)va_arg(*args, long double) : va_arg(*args, double);
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	format_bits(sink, conversion, bits);
	return true;
}

extern const char kvick_float_linked[1]; /* what a unikernel with floating point asks its linker for */
const char kvick_float_linked[1];
