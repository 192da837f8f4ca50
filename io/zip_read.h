/* zip_read.h - members of a zip archive in memory, as torch writes them: stored, not compressed.
 *
 * Archives over 4 GB (zip64) are read. Checksums are not looked at: it would mean reading every byte of the
 * weights to open the file, and torch may leave them out.
 */
#ifndef HF_IO_ZIP_READ_H
#define HF_IO_ZIP_READ_H

#include <stddef.h>
#include <stdint.h>
#include "src/error.h"

typedef struct hf_zip_member {
    const char    *name; /* not terminated */
    size_t         name_size;
    const uint8_t *data;
    size_t         n_bytes;
} hf_zip_member;

typedef struct hf_zip {
    hf_zip_member *members; /* sorted by name, all names different */
    size_t         n_members;
} hf_zip;

/* 1 if the bytes begin as an archive does. */
int hf_zip_probe(const uint8_t *bytes, size_t n_bytes);

/*
 * Read the directory; the bytes are borrowed and must outlive the zip. Every member's local header must say what the
 * directory says, and no two members share bytes. path stands in errors. HF_EFORMAT: broken or cut off;
 * HF_EUNSUPPORTED: a compressed or encrypted member, several disks; HF_ENOMEM.
 */
int  hf_zip_open(hf_zip *out, const uint8_t *bytes, size_t n_bytes, const char *path, hf_error *err);
void hf_zip_close(hf_zip *zip);

/* NULL if there is none of that name. */
const hf_zip_member *hf_zip_find(const hf_zip *zip, const char *name, size_t name_size);

#endif
