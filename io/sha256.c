/* sha256.c - see sha256.h. Straight from the standard; a file of 4 GB takes 10 to 20 seconds. */
#include "io/sha256.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_BYTES (1 << 20)

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t turn(uint32_t x, int n) { return x >> n | x << (32 - n); }

static void take_block(uint32_t state[8], const uint8_t *p)
{
    uint32_t w[64], s[8];

    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)p[4 * i] << 24 | (uint32_t)p[4 * i + 1] << 16 | (uint32_t)p[4 * i + 2] << 8 | p[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
               (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, state, sizeof(s));
    for (int i = 0; i < 64; i++) {
        uint32_t t1 = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                      constants[i] + w[i];
        uint32_t t2 = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
                      ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

void hf_sha256_start(hf_sha256 *sum)
{
    *sum = (hf_sha256){ { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
                          0x5be0cd19 }, 0, { 0 } };
}

void hf_sha256_add(hf_sha256 *sum, const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    size_t held = sum->n_bytes % 64;

    sum->n_bytes += n;
    if (held) {
        size_t take = n < 64 - held ? n : 64 - held;
        memcpy(sum->block + held, p, take);
        p += take, n -= take;
        if (held + take < 64)
            return;
        take_block(sum->state, sum->block);
    }
    for (; n >= 64; p += 64, n -= 64)
        take_block(sum->state, p);
    if (n)
        memcpy(sum->block, p, n);
}

/* A one bit, zeros, and the length in bits in the last 8 bytes of a block. */
void hf_sha256_end(hf_sha256 *sum, char text[HF_SHA256_TEXT])
{
    uint8_t tail[72] = { 0x80 };
    uint64_t n_bits = sum->n_bytes * 8;
    size_t n = 64 - (sum->n_bytes + 8) % 64;

    for (int i = 0; i < 8; i++)
        tail[n + (size_t)i] = (uint8_t)(n_bits >> (56 - 8 * i));
    hf_sha256_add(sum, tail, n + 8);
    for (int i = 0; i < 8; i++)
        snprintf(text + 8 * i, 9, "%08x", sum->state[i]);
}

int hf_sha256_file(char text[HF_SHA256_TEXT], const char *path, hf_error *err)
{
    hf_sha256 sum;
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(READ_BYTES);
    int rc = HF_OK;

    hf_sha256_start(&sum);
    if (!file)
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    else if (!bytes)
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    for (size_t n; rc == HF_OK && (n = fread(bytes, 1, READ_BYTES, file));)
        hf_sha256_add(&sum, bytes, n);
    if (rc == HF_OK && ferror(file))
        rc = hf_fail(err, HF_EIO, "%s: could not be read to its end", path);
    hf_sha256_end(&sum, text);
    free(bytes);
    if (file)
        fclose(file);
    return rc;
}
