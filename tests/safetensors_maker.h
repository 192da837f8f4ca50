/* safetensors_maker.h - a safetensors file with something changed: for tests of what reads weights.
 *
 * Written without io/: 8 bytes of length, the table in JSON, the arrays.
 */
#ifndef HF_TESTS_SAFETENSORS_MAKER_H
#define HF_TESTS_SAFETENSORS_MAKER_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/tensor_file.h"

/* What becomes of one array; all NULL or 0: it stays. */
typedef struct array_change {
    const char *name;        /* of the array, or the beginning of several if drop_all */
    int         drop_all;    /* leave out every array that begins so */
    const char *new_name;    /* "": leave it out */
    int64_t     rows;        /* > 0: only so many rows */
    int         poison;      /* 1: the first number becomes an infinity (f16 or f32) */
    const void *first;       /* these bytes in place of the first ones */
    size_t      n_first;
} array_change;

static inline const array_change *change_of(const array_change *changes, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (changes[i].drop_all ? strncmp(name, changes[i].name, strlen(changes[i].name)) == 0
                                : strcmp(name, changes[i].name) == 0)
            return &changes[i];
    return NULL;
}

static inline const char *safetensors_type(hf_entry_type type)
{
    return type == HF_ENTRY_F32 ? "F32" : type == HF_ENTRY_F16 ? "F16" : type == HF_ENTRY_I64 ? "I64" : "U8";
}

/* Copy the arrays of one file into a new one. */
static inline void safetensors_rewrite(const char *out, const char *in, const array_change *changes, int n_changes)
{
    hf_tensor_file *file;
    hf_error err = { 0 };
    size_t n, at = 0, used = 0;
    char *head = malloc(1 << 20);

    cr_assert_eq(hf_tensor_file_open(&file, in, &err), HF_OK, "%s", err.text);
    const hf_tensor_entry *list = hf_tensor_file_list(file, &n);
    uint8_t *data = malloc(4 << 20);
    used += (size_t)sprintf(head, "{");
    for (size_t i = 0; i < n; i++) {
        const array_change *c = change_of(changes, n_changes, list[i].name);
        size_t bytes = list[i].bytes;
        int64_t rows = list[i].n_dims ? list[i].shape[0] : 1;
        if (c && (c->drop_all || (c->new_name && !*c->new_name)))
            continue;
        if (c && c->rows)
            bytes = bytes / (size_t)rows * (size_t)c->rows, rows = c->rows;
        used += (size_t)sprintf(head + used, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", used > 1 ? "," : "",
                                c && c->new_name ? c->new_name : list[i].name, safetensors_type(list[i].type));
        for (int d = 0; d < list[i].n_dims; d++)
            used += (size_t)sprintf(head + used, "%s%lld", d ? "," : "", (long long)(d ? list[i].shape[d] : rows));
        used += (size_t)sprintf(head + used, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes);
        memcpy(data + at, list[i].data, bytes);
        if (c && c->poison)
            memcpy(data + at, list[i].type == HF_ENTRY_F16 ? "\x00\x7c" : "\x00\x00\x80\x7f",
                   list[i].type == HF_ENTRY_F16 ? 2 : 4);
        if (c && c->first)
            memcpy(data + at, c->first, c->n_first);
        at += bytes;
    }
    used += (size_t)sprintf(head + used, "}");
    while (used % 8)
        head[used++] = ' ';
    hf_tensor_file_close(&file);

    FILE *f = fopen(out, "wb");
    uint64_t length = used;
    cr_assert_not_null(f);
    fwrite(&length, 8, 1, f);
    fwrite(head, 1, used, f);
    fwrite(data, 1, at, f);
    fclose(f);
    free(head);
    free(data);
}

#endif
