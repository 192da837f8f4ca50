/* emulate_ptx.h - the functions of cuda/ptx.cuh on the CPU, with the register layouts that are written there.
 *
 * Every warp instruction is one hf_emulated_warp_exchange: each lane hands in its registers, and takes from the 32
 * what its own result needs. Products of 16-bit floats are exact in f32; sums are f32, k ascending.
 * Addresses that the hardware would refuse end the program.
 */
#ifndef HF_TESTS_EMULATION_EMULATE_PTX_H
#define HF_TESTS_EMULATION_EMULATE_PTX_H

#include "tests/emulation/emulate.h"

inline void hf_emulated_need_aligned(const void *address, const char *instruction)
{
    if ((uintptr_t)address % 16) {
        fprintf(stderr, "emulated %s: %p is not aligned to 16 bytes\n", instruction, address);
        abort();
    }
}

/* -- matrix products -- */

template <typename T> inline float hf_emulated_value(uint32_t pair, int high)
{
    uint16_t bits = (uint16_t)(high ? pair >> 16 : pair);
    T value;
    memcpy(&value, &bits, sizeof(value));
    return (float)value;
}

/* D[16,8] += A[16,8 DEPTH] B[8 DEPTH,8]: DEPTH is 1 or 2, in[0..1] and in[2..3] are a, in[4], in[5] are b. */
template <typename T, int DEPTH> inline void hf_emulated_mma(float (&d)[4], const uint32_t (&in)[6])
{
    uint32_t all[32][6];
    hf_emulated_warp_exchange(in, sizeof(in), all);
    const int lane = (int)hf_emulated_here.lane, g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) {
        const int half_row = i / 2, column = 2 * t + i % 2;
        float sum = d[i];
        for (int k = 0; k < 8 * DEPTH; k++) {
            const int part = k / 8, holder = k % 8 / 2;
            float a = hf_emulated_value<T>(all[4 * g + holder][2 * part + half_row], k % 2);
            float b = hf_emulated_value<T>(all[4 * column + holder][4 + part], k % 2);
            sum += a * b;
        }
        d[i] = sum;
    }
}

template <typename T> constexpr bool hf_mma_is_native() { return true; }

template <typename T> inline void hf_mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    const uint32_t in[6] = { a[0], a[1], a[2], a[3], b0, b1 };
    hf_emulated_mma<T, 2>(d, in);
}

template <typename T> inline void hf_mma_k8(float (&d)[4], uint32_t a0, uint32_t a1, uint32_t b)
{
    const uint32_t in[6] = { a0, a1, 0, 0, b, 0 };
    hf_emulated_mma<T, 1>(d, in);
}

template <typename S> inline void hf_mma_bytes(int (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1)
{
    const uint32_t in[6] = { a[0], a[1], a[2], a[3], b0, b1 };
    uint32_t all[32][6];
    hf_emulated_warp_exchange(in, sizeof(in), all);
    const int lane = (int)hf_emulated_here.lane, g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++) {
        const int half_row = i / 2, column = 2 * t + i % 2;
        uint32_t sum = (uint32_t)d[i]; /* wraps, as the instruction without .satfinite does */
        for (int k = 0; k < 32; k++) {
            const int part = k / 16, holder = k % 16 / 4, shift = 8 * (k % 4);
            int x = (S)(all[4 * g + holder][2 * part + half_row] >> shift);
            int y = (S)(all[4 * column + holder][4 + part] >> shift);
            sum += (uint32_t)(x * y);
        }
        d[i] = (int)sum;
    }
}

/* -- shared memory to registers -- */

inline void hf_emulated_ldmatrix(uint32_t *r, int n_matrices, bool transposed, const void *row)
{
    const void *rows[32];
    hf_emulated_need_aligned(row, "ldmatrix");
    hf_emulated_warp_exchange(&row, sizeof(row), rows);
    const int lane = (int)hf_emulated_here.lane, g = lane / 4, t = lane % 4;
    for (int i = 0; i < n_matrices; i++) {
        uint16_t low, high;
        const char *first = (const char *)rows[8 * i + (transposed ? 2 * t : g)];
        const char *second = (const char *)rows[8 * i + (transposed ? 2 * t + 1 : g)];
        memcpy(&low, first + 2 * (transposed ? g : 2 * t), sizeof(low));
        memcpy(&high, second + 2 * (transposed ? g : 2 * t + 1), sizeof(high));
        r[i] = (uint32_t)high << 16 | low;
    }
}

inline void hf_ldmatrix_x1(uint32_t (&r)[1], const void *row) { hf_emulated_ldmatrix(r, 1, false, row); }
inline void hf_ldmatrix_x2(uint32_t (&r)[2], const void *row) { hf_emulated_ldmatrix(r, 2, false, row); }
inline void hf_ldmatrix_x4(uint32_t (&r)[4], const void *row) { hf_emulated_ldmatrix(r, 4, false, row); }
inline void hf_ldmatrix_x2_trans(uint32_t (&r)[2], const void *row) { hf_emulated_ldmatrix(r, 2, true, row); }
inline void hf_ldmatrix_x4_trans(uint32_t (&r)[4], const void *row) { hf_emulated_ldmatrix(r, 4, true, row); }

/* -- global to shared memory -- */

inline void hf_cp_async(void *shared, const void *global, bool valid)
{
    hf_emulated_need_aligned(shared, "cp.async");
    if (valid)
        hf_emulated_need_aligned(global, "cp.async");
    hf_emulated_copy_async(shared, global, 16, valid ? 16 : 0);
}
inline void hf_cp_async_commit() { hf_emulated_copy_commit(); }
template <int N> inline void hf_cp_async_wait() { hf_emulated_copy_wait(N); }

/* -- single values -- */

inline float hf_exp2(float x)
{
    float y = exp2f(x);
    return fabsf(y) < 0x1p-126f ? 0 : y; /* .ftz */
}

template <typename T> inline uint32_t hf_pack_pair(float low, float high)
{
    T pair[2] = { T(low), T(high) };
    uint32_t bits;
    memcpy(&bits, pair, sizeof(bits));
    return bits;
}

#endif
