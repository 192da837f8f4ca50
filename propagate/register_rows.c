/* register_rows.c - see register_rows.h.
 *
 * vdbpsadbw sums the differences of 4 bytes with 4 others at two neighbouring places, 32 times: laid out as below, one
 * instruction compares a row of 16 pixels at 8 moves. Compilers do not find it, hence intrinsics.
 */
#include "propagate/register_rows.h"

#include <stddef.h>

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

#define WANT __attribute__((target("avx512f,avx512bw,avx512vl")))

bool hf_has_register_rows(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

/* Lane j of four: pixels 4j..4j+3 of the patch's row, four times. */
WANT static inline __m512i spread_patch(const uint8_t *row)
{
    const __m512i lanes = _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
    __m128i pixels = _mm_loadu_si128((const __m128i *)(const void *)row);
    return _mm512_permutexvar_epi32(lanes, _mm512_castsi128_si512(pixels));
}

/* Lane j: the 12 pixels from 4j on, of the 23 that 8 moves touch (and 4 that are not looked at). */
WANT static inline __m512i spread_other(const uint8_t *row)
{
    const __m512i lanes = _mm512_set_epi32(6, 5, 4, 3, 5, 4, 3, 2, 4, 3, 2, 1, 3, 2, 1, 0);
    const __mmask32 read = (1u << (HF_ROWS_PATCH + HF_ROWS_SIDE - 1)) - 1; /* nothing past the last move */
    return _mm512_permutexvar_epi32(lanes, _mm512_castsi256_si512(_mm256_maskz_loadu_epi8(read, row)));
}

/* The four lanes' sums of 8 moves together. */
WANT static inline __m128i add_lanes(__m512i sums)
{
    __m256i two = _mm256_add_epi16(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1));
    return _mm_add_epi16(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
}

WANT uint16_t hf_register_rows(uint16_t *sums, const uint8_t *patch, const uint8_t *other, int pitch)
{
    const int halves = 0x94; /* of a lane: pixels 0..7 for the moves 0..3, 4..11 for the moves 4..7 */
    __m512i spread[HF_ROWS_PATCH];
    __m128i least = _mm_set1_epi16(-1);
#pragma GCC unroll 16
    for (int y = 0; y < HF_ROWS_PATCH; y++)
        spread[y] = spread_patch(patch + (ptrdiff_t)y * pitch);
    for (int dy = 0; dy < HF_ROWS_SIDE; dy++, sums += HF_ROWS_PITCH, other += pitch) {
        __m512i eight = _mm512_setzero_si512();
        __m128i last = _mm_setzero_si128();
#pragma GCC unroll 16
        for (int y = 0; y < HF_ROWS_PATCH; y++) {
            const uint8_t *row = other + (ptrdiff_t)y * pitch;
            __m128i ninth = _mm_loadu_si128((const __m128i *)(const void *)(row + HF_ROWS_SIDE - 1));
            __m128i own = _mm_loadu_si128((const __m128i *)(const void *)(patch + (ptrdiff_t)y * pitch));
            eight = _mm512_add_epi16(eight, _mm512_dbsad_epu8(spread[y], spread_other(row), halves));
            last = _mm_add_epi32(last, _mm_sad_epu8(own, ninth));
        }
        __m128i rest = _mm_insert_epi16(_mm_set1_epi16(-1), _mm_cvtsi128_si32(last) + _mm_extract_epi16(last, 4), 0);
        __m128i first = add_lanes(eight);
        least = _mm_min_epu16(least, _mm_min_epu16(first, rest));
        _mm_storeu_si128((__m128i *)(void *)sums, first);
        _mm_storeu_si128((__m128i *)(void *)(sums + 8), rest);
    }
    return (uint16_t)_mm_extract_epi16(_mm_minpos_epu16(least), 0);
}

#else

bool hf_has_register_rows(void) { return false; }

uint16_t hf_register_rows(uint16_t *sums, const uint8_t *patch, const uint8_t *other, int pitch)
{
    (void)sums, (void)patch, (void)other, (void)pitch;
    return 0;
}

#endif
