/* mutate.c - feeds a fuzz target with files and with thousands of mutations of them; the same ones every time.
 *
 *     fuzz_NAME N_INPUTS FILE...
 *
 * It knows nothing of what the target does with them, so it finds less than libFuzzer (run.sh); but it needs no clang and
 * takes a second. */
#include <inttypes.h>
#include <stdio.h>

#include "fuzz.h"

#define MAX_BYTES ((size_t)64 << 10)

typedef struct input {
    uint8_t *bytes;
    size_t   n;
} input;

static uint64_t state = 0x9e3779b97f4a7c15;

/* xorshift64*, below limit. */
static size_t random_below(size_t limit)
{
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return limit ? (size_t)((state * 0x2545f4914f6cdd1d) >> 33) % limit : 0;
}

static int read_file(input *in, const char *path)
{
    FILE *f = fopen(path, "rb");
    in->bytes = malloc(MAX_BYTES);
    in->n = f && in->bytes ? fread(in->bytes, 1, MAX_BYTES, f) : 0;
    if (f)
        fclose(f);
    return in->n > 0;
}

/* Numbers on which lengths and counts break. */
static void write_number(input *in)
{
    static const uint64_t numbers[] = { 0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                        0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff };
    uint64_t v = numbers[random_below(sizeof(numbers) / sizeof(numbers[0]))];
    size_t size = (size_t)1 << random_below(4), at;
    if (in->n < size)
        return;
    at = random_below(in->n - size + 1);
    for (size_t i = 0; i < size; i++)
        in->bytes[at + i] = (uint8_t)(v >> 8 * i);
}

static void change_byte(input *in) { in->bytes[random_below(in->n)] = (uint8_t)random_below(256); }

static void change_bit(input *in) { in->bytes[random_below(in->n)] ^= (uint8_t)(1 << random_below(8)); }

static void remove_bytes(input *in)
{
    size_t at = random_below(in->n), n = 1 + random_below(random_below(2) ? 8 : in->n);
    n = n < in->n - at ? n : in->n - at;
    memmove(in->bytes + at, in->bytes + at + n, in->n - at - n);
    in->n -= n;
}

/* Bytes of another file, over those here or between them. */
static void take_bytes(input *in, const input *from)
{
    size_t begin = random_below(from->n), n = 1 + random_below(random_below(2) ? 16 : from->n), at = random_below(in->n + 1);
    int between = random_below(2) == 0;
    n = n < from->n - begin ? n : from->n - begin;
    if (n > MAX_BYTES - in->n)
        return;
    if (between)
        memmove(in->bytes + at + n, in->bytes + at, in->n - at);
    memcpy(in->bytes + at, from->bytes + begin, n);
    if (between)
        in->n += n;
    else if (at + n > in->n)
        in->n = at + n;
}

static void mutate(input *in, const input *others, size_t n_others)
{
    for (size_t k = 1 + random_below(4); k-- > 0;) {
        switch (in->n ? random_below(8) : 7) {
        case 0: case 1: write_number(in); break;
        case 2: case 3: change_byte(in); break;
        case 4: change_bit(in); break;
        case 5: remove_bytes(in); break;
        default: take_bytes(in, &others[random_below(n_others)]); break;
        }
    }
}

/* In memory of exactly that size, for the sanitizer. */
static int feed(const input *in)
{
    uint8_t *copy = malloc(in->n ? in->n : 1);
    if (!copy)
        return 0;
    memcpy(copy, in->bytes, in->n);
    LLVMFuzzerTestOneInput(copy, in->n);
    free(copy);
    return 1;
}

int main(int argc, char **argv)
{
    long n_inputs = argc > 2 ? strtol(argv[1], NULL, 10) : 0, done = 0;
    size_t n_files = argc > 2 ? (size_t)argc - 2 : 0;
    input *files = calloc(n_files + 1, sizeof(*files)), changed = { malloc(MAX_BYTES), 0 };
    int ok = n_files > 0 && files && changed.bytes;

    for (size_t i = 0; ok && i < n_files; i++)
        if (!(ok = read_file(&files[i], argv[i + 2]) && feed(&files[i])))
            fprintf(stderr, "FAIL: %s cannot be read\n", argv[i + 2]);
    for (; ok && done < n_inputs; done++) {
        const input *in = &files[random_below(n_files)];
        memcpy(changed.bytes, in->bytes, in->n);
        changed.n = in->n;
        mutate(&changed, files, n_files);
        ok = feed(&changed);
    }
    printf("%d passed, %d failed, 0 skipped\n", ok, !ok);
    for (size_t i = 0; files && i < n_files; i++)
        free(files[i].bytes);
    free(files);
    free(changed.bytes);
    return !ok;
}
