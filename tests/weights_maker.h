/* weights_maker.h - files of weights byte by byte, in memory, so that a test can break any of them. */
#ifndef HF_TESTS_WEIGHTS_MAKER_H
#define HF_TESTS_WEIGHTS_MAKER_H

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/tensor_file.h"

typedef struct bytes {
    uint8_t data[1 << 16];
    size_t  n;
} bytes;

static inline void put(bytes *b, const void *data, size_t n)
{
    cr_assert(n <= sizeof(b->data) - b->n);
    if (n)
        memcpy(b->data + b->n, data, n);
    b->n += n;
}

#define PUT_TEXT(b, text) put(b, text, sizeof(text) - 1) /* a literal, zero bytes and all */

static inline void put_number(bytes *b, uint64_t v, int size)
{
    for (int i = 0; i < size; i++) {
        uint8_t byte = i < 8 ? (uint8_t)(v >> 8 * i) : 0;
        put(b, &byte, 1);
    }
}

static inline void set_number(bytes *b, size_t at, uint64_t v, int size)
{
    for (int i = 0; i < size; i++)
        b->data[at + (size_t)i] = (uint8_t)(v >> 8 * i);
}

/* ---- safetensors ---- */

static inline void put_safetensors(bytes *b, const char *header, size_t n_data)
{
    put_number(b, strlen(header), 8);
    put(b, header, strlen(header));
    for (size_t i = 0; i < n_data; i++)
        put_number(b, i, 1);
}

/* A safetensors file that grows array by array. */
typedef struct tensors_maker {
    char  header[4096];
    bytes data;
    bytes file;
} tensors_maker;

/* dtype: "F32"; shape: "2,3" */
static inline void tensors_add(tensors_maker *t, const char *name, const char *dtype, const char *shape, const void *data, size_t n)
{
    size_t used = strlen(t->header);
    snprintf(t->header + used, sizeof(t->header) - used, "%c\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}",
             used ? ',' : '{', name, dtype, shape, t->data.n, t->data.n + n);
    put(&t->data, data, n);
}

/* The finished file, open; the maker must outlive it. Its name is "it". */
static inline hf_tensor_file *tensors_open(tensors_maker *t)
{
    hf_tensor_file *f;
    hf_error err = { 0 };

    t->file.n = 0;
    put_number(&t->file, strlen(t->header) + 1, 8);
    put(&t->file, t->header, strlen(t->header));
    PUT_TEXT(&t->file, "}");
    put(&t->file, t->data.data, t->data.n);
    cr_assert_eq(hf_tensor_file_open_memory(&f, t->file.data, t->file.n, "it", &err), HF_OK, "%s", err.text);
    return f;
}

/* ---- zip ---- */

typedef struct zip_maker {
    bytes  file, directory;
    size_t n, local[16], entry[16]; /* where each member's headers begin; entry counts from the directory's begin */
} zip_maker;

static inline void zip_add(zip_maker *z, const char *name, const void *data, size_t n)
{
    size_t name_size = strlen(name);

    z->local[z->n] = z->file.n, z->entry[z->n++] = z->directory.n;
    PUT_TEXT(&z->file, "PK\3\4\0\0\0\0\0\0\0\0\0\0"); /* version, flags, method, time, date */
    put_number(&z->file, 0, 4);                        /* checksum */
    put_number(&z->file, n, 4);
    put_number(&z->file, n, 4);
    put_number(&z->file, name_size, 2);
    put_number(&z->file, 0, 2);
    put(&z->file, name, name_size);
    put(&z->file, data, n);

    PUT_TEXT(&z->directory, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0");
    put_number(&z->directory, 0, 4);
    put_number(&z->directory, n, 4);
    put_number(&z->directory, n, 4);
    put_number(&z->directory, name_size, 2);
    put_number(&z->directory, 0, 2 + 2 + 2 + 2 + 4); /* extra, comment, disk, attributes */
    put_number(&z->directory, z->local[z->n - 1], 4);
    put(&z->directory, name, name_size);
}

enum { ZIP_END_N = 10, ZIP_END_SIZE = 12, ZIP_END_OFFSET = 16 }; /* fields of the end record */
enum { ZIP_ENTRY_FLAGS = 8, ZIP_ENTRY_METHOD = 10, ZIP_ENTRY_STORED = 20, ZIP_ENTRY_SIZE = 24, ZIP_ENTRY_EXTRA = 30,
       ZIP_ENTRY_COMMENT = 32, ZIP_ENTRY_OFFSET = 42, ZIP_ENTRY_NAME = 46 };
enum { ZIP_LOCAL_FLAGS = 6, ZIP_LOCAL_METHOD = 8, ZIP_LOCAL_SIZE = 22, ZIP_LOCAL_NAME_SIZE = 26, ZIP_LOCAL_NAME = 30 };

/* Directory and end record behind the members; where the end record begins is returned. */
static inline size_t zip_finish(zip_maker *z)
{
    size_t offset = z->file.n;
    put(&z->file, z->directory.data, z->directory.n);
    size_t end = z->file.n;
    PUT_TEXT(&z->file, "PK\5\6\0\0\0\0");
    put_number(&z->file, z->n, 2);
    put_number(&z->file, z->n, 2);
    put_number(&z->file, z->directory.n, 4);
    put_number(&z->file, offset, 4);
    put_number(&z->file, 0, 2);
    return end;
}

/* ---- pickles, as literals ---- */

#define GLOBAL(name) "c" name "\n"
#define TEXT(n, text) "\x8c" n text /* short string; n: its length as a byte */
#define FLOATS GLOBAL("torch\nFloatStorage")
#define STORAGE "(" TEXT("\7", "storage") FLOATS TEXT("\1", "0") TEXT("\3", "cpu") "K\6tQ" /* "0", of 6 elements */
#define REBUILD GLOBAL("torch._utils\n_rebuild_tensor_v2")
#define MATRIX(offset, shape, stride) REBUILD "(" STORAGE "K" offset shape stride "\x89NtR" /* shape, stride: tuples */

/* ---- what comes of it ---- */

/* The bytes in memory of exactly their size, so that the sanitizer sees one read too many. */
static inline int open_bytes(hf_tensor_file **f, uint8_t **copy, const void *data, size_t n, hf_error *err)
{
    cr_assert_not_null(*copy = malloc(n ? n : 1));
    if (n)
        memcpy(*copy, data, n);
    return hf_tensor_file_open_memory(f, *copy, n, "it", err);
}

/* Opening must fail with this status and a text that contains `text`. */
static inline void check_refused_bytes(const void *data, size_t n, hf_status status, const char *text)
{
    hf_tensor_file *f;
    hf_error err = { 0 };
    uint8_t *copy;

    cr_assert_eq(open_bytes(&f, &copy, data, n, &err), status, "%d %s, want %s", err.status, err.text, text);
    cr_assert_null(f);
    cr_assert_not_null(strstr(err.text, text), "\"%s\", want \"%s\"", err.text, text);
    cr_assert_eq(strncmp(err.text, "it: ", 4), 0, "%s", err.text);
    free(copy);
}

static inline void check_refused(const bytes *b, hf_status status, const char *text)
{
    check_refused_bytes(b->data, b->n, status, text);
}

#endif
