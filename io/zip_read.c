/* zip_read.c - see zip_read.h. From the end of the file backwards:
 *
 *     end record (22 bytes + comment)          how many members, where the directory lies
 *     [zip64 locator (20), zip64 end record (56)]   the same in 64 bits
 *     directory                                46 bytes + name + extra + comment a member
 *     members                                  30 bytes + name + extra, then the data
 */
#include "io/zip_read.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define END_SIZE 22u
#define END64_SIZE 56u
#define LOCATOR_SIZE 20u
#define ENTRY_SIZE 46u
#define LOCAL_SIZE 30u
#define FLAG_ENCRYPTED 1u
#define FLAG_SIZES_BEHIND 8u /* the local header has no sizes; they follow the data */
#define EXTRA_ZIP64 1u
#define IN_ZIP64 0xffffffffu

typedef struct archive {
    const uint8_t *bytes;
    uint64_t       size;
    const char    *path;
    hf_error      *err;
} archive;

typedef struct directory {
    uint64_t offset, size, n_entries;
} directory;

typedef struct entry {
    const uint8_t *at; /* its 46 bytes */
    unsigned       name_size, extra_size, comment_size;
    uint64_t       stored_size, size, local_offset;
} entry;

static uint64_t read_le(const uint8_t *p, int n)
{
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static unsigned read_u16(const uint8_t *p) { return (unsigned)read_le(p, 2); }
static uint32_t read_u32(const uint8_t *p) { return (uint32_t)read_le(p, 4); }

int hf_zip_probe(const uint8_t *bytes, size_t n_bytes)
{
    return n_bytes >= 4 && (memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, "PK\5\6", 4) == 0);
}

static int broken(const archive *a, const char *what)
{
    return hf_fail(a->err, HF_EFORMAT, "%s: zip archive: %s", a->path, what);
}

static int broken_member(const archive *a, const entry *e, const char *what)
{
    return hf_fail(a->err, HF_EFORMAT, "%s: zip archive: \"%.*s\": %s", a->path, (int)e->name_size,
                   (const char *)e->at + ENTRY_SIZE, what);
}

/* The end record, searched from the end: a comment of up to 64 KB may follow it. */
static int find_end(const archive *a, uint64_t *end)
{
    if (a->size >= END_SIZE)
        for (uint64_t n = 0; n <= 0xffff && n + END_SIZE <= a->size; n++) {
            const uint8_t *p = a->bytes + a->size - END_SIZE - n;
            if (read_u32(p) == 0x06054b50 && read_u16(p + 20) == n) {
                *end = a->size - END_SIZE - n;
                return HF_OK;
            }
        }
    return broken(a, "no end record (is the file cut off?)");
}

/* The 64 bit record in front of the end record, where there is one. */
static int read_end64(const archive *a, uint64_t *end, directory *d)
{
    if (*end < LOCATOR_SIZE || read_u32(a->bytes + *end - LOCATOR_SIZE) != 0x07064b50)
        return HF_OK;
    uint64_t locator = *end - LOCATOR_SIZE, at = read_le(a->bytes + locator + 8, 8);
    if (locator < END64_SIZE || at > locator - END64_SIZE || read_u32(a->bytes + at) != 0x06064b50)
        return broken(a, "its zip64 end record is not where it should be");
    const uint8_t *p = a->bytes + at;
    if (read_u32(p + 16) != 0 || read_u32(p + 20) != 0)
        return hf_fail(a->err, HF_EUNSUPPORTED, "%s: zip archive on several disks", a->path);
    *d = (directory){ .offset = read_le(p + 48, 8), .size = read_le(p + 40, 8), .n_entries = read_le(p + 32, 8) };
    *end = at;
    return HF_OK;
}

static int find_directory(const archive *a, directory *d)
{
    uint64_t end = 0;
    int rc;

    if ((rc = find_end(a, &end)) < 0)
        return rc;
    const uint8_t *p = a->bytes + end;
    if ((read_u16(p + 4) != 0 && read_u16(p + 4) != 0xffff) || (read_u16(p + 6) != 0 && read_u16(p + 6) != 0xffff))
        return hf_fail(a->err, HF_EUNSUPPORTED, "%s: zip archive on several disks", a->path);
    *d = (directory){ .offset = read_u32(p + 16), .size = read_u32(p + 12), .n_entries = read_u16(p + 10) };
    if ((rc = read_end64(a, &end, d)) < 0)
        return rc;
    if (d->offset > end || d->size > end - d->offset)
        return broken(a, "its directory reaches past its end record");
    if (d->n_entries > d->size / ENTRY_SIZE)
        return hf_fail(a->err, HF_EFORMAT, "%s: zip archive: %" PRIu64 " members in a directory of %" PRIu64 " bytes",
                       a->path, d->n_entries, d->size);
    return HF_OK;
}

/* The 64 bit values of the fields that had no room, in the order of the header. */
static int read_zip64_extra(const archive *a, entry *e)
{
    const uint8_t *p = e->at + ENTRY_SIZE + e->name_size, *end = p + e->extra_size;
    uint64_t *wide[] = { &e->size, &e->stored_size, &e->local_offset };

    if (e->size != IN_ZIP64 && e->stored_size != IN_ZIP64 && e->local_offset != IN_ZIP64)
        return HF_OK;
    while (end - p >= 4 && read_u16(p) != EXTRA_ZIP64 && end - p - 4 >= read_u16(p + 2))
        p += 4 + read_u16(p + 2);
    if (end - p < 4 || read_u16(p) != EXTRA_ZIP64 || end - p - 4 < read_u16(p + 2))
        return broken_member(a, e, "has no zip64 sizes");
    end = p + 4 + read_u16(p + 2);
    p += 4;
    for (int i = 0; i < 3; i++)
        if (*wide[i] == IN_ZIP64) {
            if (end - p < 8)
                return broken_member(a, e, "has too few zip64 sizes");
            *wide[i] = read_le(p, 8);
            p += 8;
        }
    return HF_OK;
}

/* at: of the entry; end: of the directory. */
static int read_entry(const archive *a, entry *e, uint64_t at, uint64_t end)
{
    int rc;

    if (end - at < ENTRY_SIZE || read_u32(a->bytes + at) != 0x02014b50)
        return hf_fail(a->err, HF_EFORMAT, "%s: zip archive: byte %" PRIu64 ": no entry of its directory", a->path, at);
    const uint8_t *p = a->bytes + at;
    *e = (entry){ .at = p, .name_size = read_u16(p + 28), .extra_size = read_u16(p + 30), .comment_size = read_u16(p + 32),
                  .stored_size = read_u32(p + 20), .size = read_u32(p + 24), .local_offset = read_u32(p + 42) };
    if (end - at - ENTRY_SIZE < (uint64_t)e->name_size + e->extra_size + e->comment_size)
        return hf_fail(a->err, HF_EFORMAT, "%s: zip archive: byte %" PRIu64 ": its directory ends inside an entry", a->path, at);
    if ((rc = read_zip64_extra(a, e)) < 0)
        return rc;
    if (read_u16(p + 8) & FLAG_ENCRYPTED || read_u16(p + 10) != 0)
        return hf_fail(a->err, HF_EUNSUPPORTED, "%s: zip archive: \"%.*s\" is %s, want it stored", a->path, (int)e->name_size,
                       (const char *)p + ENTRY_SIZE, read_u16(p + 10) ? "compressed" : "encrypted");
    if (e->size != e->stored_size)
        return broken_member(a, e, "is stored, but in another size");
    return HF_OK;
}

static int same_size(const archive *a, const entry *e, const uint8_t *local)
{
    uint32_t stored = read_u32(local + 18), size = read_u32(local + 22);
    if (read_u16(local + 6) & FLAG_SIZES_BEHIND || stored == IN_ZIP64 || size == IN_ZIP64)
        return HF_OK;
    return stored == e->size && size == e->size ? HF_OK : broken_member(a, e, "its local header has another size");
}

/* The data lies behind the local header, which is as long as that header says. */
static int find_data(const archive *a, const directory *d, const entry *e, hf_zip_member *m)
{
    const uint8_t *local;
    int rc;

    if (e->local_offset > d->offset || d->offset - e->local_offset < LOCAL_SIZE)
        return broken_member(a, e, "its header lies outside the archive");
    local = a->bytes + e->local_offset;
    if (read_u32(local) != 0x04034b50)
        return broken_member(a, e, "its header is not where the directory says");
    uint64_t left = d->offset - e->local_offset - LOCAL_SIZE;
    unsigned name_size = read_u16(local + 26), extra_size = read_u16(local + 28);
    if (left < (uint64_t)name_size + extra_size || left - name_size - extra_size < e->size)
        return broken_member(a, e, "reaches past the members (is the file cut off?)");
    if (name_size != e->name_size || memcmp(local + LOCAL_SIZE, e->at + ENTRY_SIZE, name_size) != 0)
        return broken_member(a, e, "its local header has another name");
    if (read_u16(local + 8) != 0)
        return broken_member(a, e, "its local header says that it is compressed");
    if ((rc = same_size(a, e, local)) < 0)
        return rc;
    *m = (hf_zip_member){ .name = (const char *)e->at + ENTRY_SIZE, .name_size = name_size,
                          .data = local + LOCAL_SIZE + name_size + extra_size, .n_bytes = (size_t)e->size };
    return HF_OK;
}

static int compare_names(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, a_size < b_size ? a_size : b_size);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int by_name(const void *a, const void *b)
{
    const hf_zip_member *x = a, *y = b;
    return compare_names(x->name, x->name_size, y->name, y->name_size);
}

static int by_place(const void *a, const void *b)
{
    const hf_zip_member *x = a, *y = b;
    return x->data != y->data ? (x->data > y->data) - (x->data < y->data) : (x->n_bytes > y->n_bytes) - (x->n_bytes < y->n_bytes);
}

/* Two members on the same bytes are no mistake of any writer: somebody wants a small file to look large. */
static int check_members(const archive *a, hf_zip *zip)
{
    hf_zip_member *m = zip->members;

    qsort(m, zip->n_members, sizeof(*m), by_place);
    for (size_t i = 1; i < zip->n_members; i++)
        if (m[i].data < m[i - 1].data + m[i - 1].n_bytes)
            return hf_fail(a->err, HF_EFORMAT, "%s: zip archive: \"%.*s\" and \"%.*s\" overlap", a->path, (int)m[i - 1].name_size,
                           m[i - 1].name, (int)m[i].name_size, m[i].name);
    qsort(m, zip->n_members, sizeof(*m), by_name);
    for (size_t i = 1; i < zip->n_members; i++)
        if (by_name(&m[i - 1], &m[i]) == 0)
            return hf_fail(a->err, HF_EFORMAT, "%s: zip archive: two members are called \"%.*s\"", a->path,
                           (int)m[i].name_size, m[i].name);
    return HF_OK;
}

int hf_zip_open(hf_zip *out, const uint8_t *bytes, size_t n_bytes, const char *path, hf_error *err)
{
    archive a = { bytes, n_bytes, path, err };
    directory d = { 0 };
    entry e = { .at = NULL };
    int rc;

    *out = (hf_zip){ .members = NULL };
    if ((rc = find_directory(&a, &d)) < 0)
        goto end;
    if (!(out->members = calloc(d.n_entries ? d.n_entries : 1, sizeof(*out->members)))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for a directory of %" PRIu64 " members", path, d.n_entries);
        goto end;
    }
    uint64_t at = d.offset, end = d.offset + d.size;
    for (uint64_t i = 0; i < d.n_entries; i++) {
        if ((rc = read_entry(&a, &e, at, end)) < 0 || (rc = find_data(&a, &d, &e, &out->members[i])) < 0)
            goto end;
        at += ENTRY_SIZE + e.name_size + e.extra_size + e.comment_size;
    }
    out->n_members = (size_t)d.n_entries;
    rc = check_members(&a, out);
end:
    if (rc < 0)
        hf_zip_close(out);
    return rc;
}

void hf_zip_close(hf_zip *zip)
{
    free(zip->members);
    *zip = (hf_zip){ .members = NULL };
}

const hf_zip_member *hf_zip_find(const hf_zip *zip, const char *name, size_t name_size)
{
    hf_zip_member key = { .name = name, .name_size = name_size };
    return zip->n_members ? bsearch(&key, zip->members, zip->n_members, sizeof(key), by_name) : NULL;
}
