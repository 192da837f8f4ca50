/* test_pickle.c - the pickle machine: what it reads, and every refusal with the bytes that cause it. */
#include <float.h>
#include <stdio.h>
#include "io/pickle.h"
#include "weights_maker.h"

static hf_pickle pickle;
static uint8_t  *kept; /* the bytes that its values borrow */

static void let_go(void)
{
    hf_pickle_close(&pickle);
    free(kept);
    kept = NULL;
}

TestSuite(pickle, .fini = let_go);

static const hf_pickle_value *read_bytes(const void *bytes, size_t n)
{
    hf_error err = { 0 };

    let_go();
    kept = malloc(n);
    memcpy(kept, bytes, n);
    cr_assert_eq(hf_pickle_open(&pickle, kept, n, "it", &err), HF_OK, "%s", err.text);
    cr_assert_eq(pickle.n_bytes, n);
    return pickle.top;
}

static void refuse_bytes(const void *bytes, size_t n, hf_status status, const char *text)
{
    hf_error err = { 0 };
    uint8_t *copy = malloc(n); /* of exactly that size, for the sanitizer */
    memcpy(copy, bytes, n);
    cr_assert_eq(hf_pickle_open(&pickle, copy, n, "it", &err), status, "%d %s", err.status, err.text);
    cr_assert_not_null(strstr(err.text, text), "\"%s\", want \"%s\"", err.text, text);
    cr_assert_eq(strncmp(err.text, "it: pickle, byte ", 17), 0, "%s", err.text);
    cr_assert_null(pickle.blocks);
    free(copy);
}

#define READ(text) read_bytes(text, sizeof(text) - 1)
#define REFUSE(text, status, message) refuse_bytes(text, sizeof(text) - 1, status, message)

static int is_text(const hf_pickle_value *v, const char *text)
{
    return v->kind == HF_PICKLE_STRING && v->text.n == strlen(text) && memcmp(v->text.bytes, text, v->text.n) == 0;
}

/* ---- values ---- */

Test(pickle, integers_of_every_size_have_their_sign)
{
    static const int64_t want[] = { 255, 65535, -2, 0, -1, 255, -32768, INT64_MIN };
    const hf_pickle_value *v = READ("\x80\2(K\xffM\xff\xffJ\xfe\xff\xff\xff\x8a\0\x8a\1\xff\x8a\2\xff\0\x8a\2\0\x80"
                                    "\x8a\x08\0\0\0\0\0\0\0\x80t.");
    cr_assert_eq(v->kind, HF_PICKLE_TUPLE);
    cr_assert_eq(v->items.n, 8);
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(v->items.at[i]->kind, HF_PICKLE_INT);
        cr_assert_eq(v->items.at[i]->integer, want[i], "%d", i);
    }
}

Test(pickle, an_integer_of_nine_bytes_stays_bytes)
{
    const hf_pickle_value *v = READ("\x80\2\x8b\x09\0\0\0" "123456789" ".");
    cr_assert_eq(v->kind, HF_PICKLE_LONG);
    cr_assert_eq(v->text.n, 9);
}

Test(pickle, a_float_is_big_endian)
{
    const hf_pickle_value *v = READ("\x80\2G\xbf\xf8\0\0\0\0\0\0.");
    cr_assert_eq(v->kind, HF_PICKLE_FLOAT);
    cr_assert_float_eq(v->number, -1.5, DBL_EPSILON);
}

Test(pickle, texts_and_bytes_of_every_opcode_are_read)
{
    const hf_pickle_value *v = READ("\x80\4(U\1aT\1\0\0\0bX\1\0\0\0c\x8c\1d\x8d\1\0\0\0\0\0\0\0e"
                                    "C\1fB\1\0\0\0g\x8e\1\0\0\0\0\0\0\0hl.");
    cr_assert_eq(v->kind, HF_PICKLE_LIST);
    cr_assert_eq(v->items.n, 8);
    for (int i = 0; i < 8; i++) {
        cr_assert_eq(v->items.at[i]->kind, i < 5 ? HF_PICKLE_STRING : HF_PICKLE_BYTES);
        cr_assert_eq(v->items.at[i]->text.n, 1);
        cr_assert_eq(v->items.at[i]->text.bytes[0], 'a' + i);
    }
}

Test(pickle, dictionaries_keep_their_order)
{
    /* {} with one item set, then two more at once */
    const hf_pickle_value *v = READ("\x80\2}" TEXT("\1", "z") "K\1s(" TEXT("\1", "a") "\x88" TEXT("\1", "b") "Nu.");
    cr_assert_eq(v->kind, HF_PICKLE_DICT);
    cr_assert_eq(v->items.n, 6);
    cr_assert(is_text(v->items.at[0], "z") && is_text(v->items.at[2], "a") && is_text(v->items.at[4], "b"));
    cr_assert_eq(v->items.at[3]->kind, HF_PICKLE_BOOL);
    cr_assert_eq(v->items.at[5]->kind, HF_PICKLE_NONE);
}

Test(pickle, the_memo_gives_the_same_value_again)
{
    const hf_pickle_value *v = READ("\x80\4]\x94q\5r\7\0\0\0h\0h\5j\7\0\0\0" "2\x87.");
    cr_assert_eq(v->items.n, 3);
    cr_assert_eq(v->items.at[0], v->items.at[1]);
    cr_assert_eq(v->items.at[1], v->items.at[2]);
}

Test(pickle, what_is_popped_is_gone)
{
    const hf_pickle_value *v = READ("\x80\2K\1K\2" "0" "(K\3K\4" "1" ".");
    cr_assert_eq(v->integer, 1);
}

Test(pickle, a_mark_on_an_empty_stack_has_nothing_above_it)
{
    const hf_pickle_value *v = READ("\x80\2(t.");
    cr_assert_eq(v->kind, HF_PICKLE_TUPLE);
    cr_assert_eq(v->items.n, 0);
}

Test(pickle, sets_are_lists)
{
    const hf_pickle_value *v = READ("\x80\4\x8f(K\1K\2\x90(K\3\x91\x86.");
    cr_assert_eq(v->items.at[0]->kind, HF_PICKLE_LIST);
    cr_assert_eq(v->items.at[0]->items.n, 2);
    cr_assert_eq(v->items.at[1]->items.n, 1);
}

Test(pickle, an_ordered_dictionary_may_be_called_with_pairs)
{
    /* OrderedDict([(1, 2), [3, 4]]) */
    const hf_pickle_value *v = READ("\x80\2" GLOBAL("collections\nOrderedDict") "](K\1K\2\x86(K\3K\4le\x85R.");
    cr_assert_eq(v->kind, HF_PICKLE_DICT);
    cr_assert_eq(v->items.n, 4);
    cr_assert_eq(v->items.at[3]->integer, 4);
}

Test(pickle, a_tensor_is_a_view_of_its_storage)
{
    const hf_pickle_value *v = READ("\x80\2" REBUILD "(" STORAGE "K\1K\2K\3\x86K\3K\1\x86\x89NtR.");
    cr_assert_eq(v->kind, HF_PICKLE_TENSOR);
    cr_assert_eq(v->tensor->offset, 1);
    cr_assert_eq(v->tensor->n_dims, 2);
    cr_assert_eq(v->tensor->shape[1], 3);
    cr_assert_eq(v->tensor->stride[0], 3);
    cr_assert_eq(v->tensor->storage->type, HF_ENTRY_F32);
    cr_assert_eq(v->tensor->storage->n_elements, 6);
    cr_assert_eq(pickle.n_storages, 1);
    cr_assert_eq(pickle.storages[0], v->tensor->storage);
}

Test(pickle, every_listed_name_is_found)
{
    static const char *const names[] = {
        "__builtin__\nset", "_codecs\nencode", "argparse\nNamespace", "builtins\nfrozenset", "builtins\nset",
        "collections\nOrderedDict", "numpy\ndtype", "numpy._core.multiarray\nscalar", "numpy.core.multiarray\nscalar",
        "pytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint", "torch\nBFloat16Storage", "torch\nBoolStorage",
        "torch\nByteStorage", "torch\nCharStorage", "torch\nComplexDoubleStorage", "torch\nComplexFloatStorage",
        "torch\nDoubleStorage", "torch\nFloatStorage", "torch\nHalfStorage", "torch\nIntStorage", "torch\nLongStorage",
        "torch\nQInt32Storage", "torch\nQInt8Storage", "torch\nQUInt8Storage", "torch\nShortStorage", "torch\nSize",
        "torch._utils\n_rebuild_parameter", "torch._utils\n_rebuild_tensor", "torch._utils\n_rebuild_tensor_v2",
        "torch\nbfloat16", "torch\nbool", "torch\ndevice", "torch\nfloat16", "torch\nfloat32", "torch\nfloat64",
        "torch\nint16", "torch\nint32", "torch\nint64", "torch\nint8", "torch\nuint8", "torch.storage\nUntypedStorage",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[128], dotted[128];
        int n = snprintf(text, sizeof(text), "\x80\2c%s\n.", names[i]);
        const hf_pickle_value *v = read_bytes(text, (size_t)n);
        snprintf(dotted, sizeof(dotted), "%s", names[i]);
        *strchr(dotted, '\n') = '.';
        cr_assert_eq(v->kind, HF_PICKLE_GLOBAL);
        cr_assert_str_eq(hf_pickle_global_name(v), dotted);
    }
}

/* ---- code that wants to run ---- */

Test(pickle, a_name_that_is_not_listed_is_refused_with_its_name)
{
    REFUSE("\x80\2" GLOBAL("os\nsystem") TEXT("\2", "id") "\x85R.", HF_EUNSUPPORTED,
           "byte 2: wants the Python object \"os.system\"");
}

Test(pickle, names_on_the_stack_are_refused_as_well)
{
    REFUSE("\x80\4" TEXT("\2", "os") TEXT("\6", "system") "\x93.", HF_EUNSUPPORTED, "\"os.system\"");
}

Test(pickle, a_name_that_only_begins_like_a_listed_one_is_refused)
{
    REFUSE("\x80\2" GLOBAL("torch\nSizes") ".", HF_EUNSUPPORTED, "\"torch.Sizes\"");
    REFUSE("\x80\2" GLOBAL("torch\nSiz") ".", HF_EUNSUPPORTED, "\"torch.Siz\"");
    REFUSE("\x80\2" GLOBAL("torc\nSize") ".", HF_EUNSUPPORTED, "\"torc.Size\"");
    REFUSE("\x80\2" GLOBAL("\n") ".", HF_EUNSUPPORTED, "\".\"");
}

Test(pickle, a_listed_name_through_another_module_is_refused)
{
    /* "torch._utils" + "_rebuild_tensor_v2" is listed; "torch" + "_utils._rebuild_tensor_v2" would be the same text, and
     * means the same object in protocol 4 */
    const hf_pickle_value *v = READ("\x80\4" TEXT("\5", "torch") TEXT("\x19", "_utils._rebuild_tensor_v2") "\x93.");
    cr_assert_str_eq(hf_pickle_global_name(v), "torch._utils._rebuild_tensor_v2");
}

Test(pickle, calling_a_type_is_refused)
{
    REFUSE("\x80\2" FLOATS ")R.", HF_EUNSUPPORTED, "calls \"torch.FloatStorage\"");
}

Test(pickle, making_an_object_of_a_class_is_refused)
{
    REFUSE("\x80\2" GLOBAL("pytorch_lightning.callbacks.model_checkpoint\nModelCheckpoint") ")\x81.", HF_EUNSUPPORTED, "calls");
}

Test(pickle, calling_what_is_no_function_is_refused) { REFUSE("\x80\2K\1)R.", HF_EUNSUPPORTED, "no function"); }

Test(pickle, arguments_that_are_no_tuple_are_refused)
{
    REFUSE("\x80\2" GLOBAL("torch\nSize") "]R.", HF_EFORMAT, "arguments that are no tuple");
}

Test(pickle, a_call_without_its_argument_is_refused)
{
    REFUSE("\x80\2" GLOBAL("torch\nSize") ")R.", HF_EFORMAT, "torch.Size without an argument");
}

Test(pickle, the_state_of_a_number_is_refused) { REFUSE("\x80\2K\1}b.", HF_EUNSUPPORTED, "state of what is no dictionary"); }

Test(pickle, a_state_that_is_no_dictionary_is_refused) { REFUSE("\x80\2}K\1b.", HF_EUNSUPPORTED, "state of what"); }

/* ---- tensors and storages that lie ---- */

#define TENSOR_REFUSED(arguments, text) REFUSE("\x80\2" REBUILD "(" arguments "tR.", HF_EFORMAT, text)

Test(pickle, a_tensor_with_three_arguments_is_refused) { TENSOR_REFUSED(STORAGE "K\0)", "without storage or offset"); }

Test(pickle, a_tensor_without_storage_is_refused) { TENSOR_REFUSED("NK\0))", "without storage or offset"); }

Test(pickle, a_tensor_with_a_negative_offset_is_refused)
{
    TENSOR_REFUSED(STORAGE "J\xff\xff\xff\xff))", "without storage or offset");
}

Test(pickle, a_tensor_with_a_negative_dimension_is_refused)
{
    TENSOR_REFUSED(STORAGE "K\0J\xff\xff\xff\xff\x85K\1\x85", "two rows of at most 8");
}

Test(pickle, a_tensor_with_a_negative_stride_is_refused)
{
    TENSOR_REFUSED(STORAGE "K\0K\1\x85J\xff\xff\xff\xff\x85", "two rows");
}

Test(pickle, a_tensor_with_fewer_strides_than_dimensions_is_refused)
{
    TENSOR_REFUSED(STORAGE "K\0K\1K\1\x86K\1\x85", "two rows");
}

Test(pickle, a_tensor_of_nine_dimensions_is_refused)
{
    TENSOR_REFUSED(STORAGE "K\0(K\1K\1K\1K\1K\1K\1K\1K\1K\1t(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "two rows of at most 8");
}

Test(pickle, a_shape_of_floats_is_refused) { TENSOR_REFUSED(STORAGE "K\0N\x85K\1\x85", "two rows"); }

Test(pickle, a_storage_without_its_five_parts_is_refused)
{
    REFUSE("\x80\2(" TEXT("\7", "storage") FLOATS TEXT("\1", "0") "tQ.", HF_EFORMAT, "mentions data that is not");
    REFUSE("\x80\2NQ.", HF_EFORMAT, "mentions data that is not");
    REFUSE("\x80\2(" TEXT("\7", "Storage") FLOATS TEXT("\1", "0") "NK\1tQ.", HF_EFORMAT, "mentions data that is not");
    REFUSE("\x80\2(" TEXT("\7", "storage") "N" TEXT("\1", "0") "NK\1tQ.", HF_EFORMAT, "mentions data that is not");
    REFUSE("\x80\2(" TEXT("\7", "storage") FLOATS "NNK\1tQ.", HF_EFORMAT, "mentions data that is not");
    REFUSE("\x80\2(" TEXT("\7", "storage") FLOATS TEXT("\1", "0") "NJ\xff\xff\xff\xfftQ.", HF_EFORMAT, "mentions data");
}

Test(pickle, a_storage_of_complex_numbers_is_refused_with_its_type)
{
    REFUSE("\x80\2(" TEXT("\7", "storage") GLOBAL("torch\nComplexFloatStorage") TEXT("\1", "0") "NK\1tQ.", HF_EUNSUPPORTED,
           "type torch.ComplexFloatStorage is not read");
}

Test(pickle, a_storage_of_no_type_is_refused)
{
    REFUSE("\x80\2(" TEXT("\7", "storage") GLOBAL("torch\nfloat32") TEXT("\1", "0") "NK\1tQ.", HF_EUNSUPPORTED,
           "type torch.float32 is not read");
}

Test(pickle, a_view_of_a_storage_is_refused)
{
    REFUSE("\x80\2(" TEXT("\7", "storage") FLOATS TEXT("\1", "0") "NK\1K\1\x85tQ.", HF_EUNSUPPORTED, "a view of a storage");
}

/* ---- broken pickles ---- */

Test(pickle, protocol_0_is_refused) { REFUSE("\x80\0.", HF_EUNSUPPORTED, "of protocol 0, want 2 to 5"); }

Test(pickle, protocol_6_is_refused) { REFUSE("\x80\6.", HF_EUNSUPPORTED, "of protocol 6, want 2 to 5"); }

Test(pickle, an_opcode_that_is_not_read_is_refused) { REFUSE("\x80\2I1\n.", HF_EUNSUPPORTED, "byte 2: opcode 0x49"); }

Test(pickle, a_pickle_without_end_is_refused) { REFUSE("\x80\2N", HF_EFORMAT, "ends inside an opcode"); }

Test(pickle, a_text_longer_than_the_pickle_is_refused)
{
    REFUSE("\x80\4\x8d\xff\xff\xff\xff\xff\xff\xff\xff" "a.", HF_EFORMAT, "ends inside an opcode"); /* length 2^64 - 1 */
}

Test(pickle, a_name_without_line_end_is_refused) { REFUSE("\x80\2ctorch\nSize.", HF_EFORMAT, "ends inside a name"); }

Test(pickle, a_frame_longer_than_the_pickle_is_refused) { REFUSE("\x80\4\x95\2\0\0\0\0\0\0\0.", HF_EFORMAT, "a frame of 2 bytes, 1 are left"); }

Test(pickle, an_empty_stack_is_refused)
{
    static const char *const needy[] = { ".", "0", "2", "q\1", "\x94", "\x85", "\x86", "\x87", "R", "b", "Q", "\x93", "a", "s" };
    for (size_t i = 0; i < sizeof(needy) / sizeof(needy[0]); i++) {
        char text[8];
        int n = snprintf(text, sizeof(text), "\x80\4%s.", needy[i]);
        refuse_bytes(text, (size_t)n, HF_EFORMAT, "takes more from the stack than there is");
    }
}

Test(pickle, values_below_a_mark_are_out_of_reach) { REFUSE("\x80\2K\1(0.", HF_EFORMAT, "takes more from the stack"); }

Test(pickle, a_mark_that_was_never_set_is_refused)
{
    static const char *const needy[] = { "1", "t", "l", "d", "e", "u", "\x90", "\x91" };
    for (size_t i = 0; i < sizeof(needy) / sizeof(needy[0]); i++) {
        char text[8];
        int n = snprintf(text, sizeof(text), "\x80\4N%s.", needy[i]);
        refuse_bytes(text, (size_t)n, HF_EFORMAT, "a mark that was never set");
    }
}

Test(pickle, a_key_without_value_is_refused)
{
    REFUSE("\x80\2(K\1d.", HF_EFORMAT, "a key without a value");
    REFUSE("\x80\2}(K\1u.", HF_EFORMAT, "adds items to what is no dictionary");
}

Test(pickle, items_for_a_number_are_refused)
{
    REFUSE("\x80\2K\1K\2a.", HF_EFORMAT, "adds items to what is no list");
    REFUSE("\x80\2](K\2K\3u.", HF_EFORMAT, "adds items to what is no dictionary");
}

Test(pickle, a_memo_number_that_was_never_put_is_refused)
{
    REFUSE("\x80\2h\0.", HF_EFORMAT, "gets number 0 of its memo");
    REFUSE("\x80\2Nq\3" "0h\2.", HF_EFORMAT, "gets number 2 of its memo"); /* below one that was */
}

Test(pickle, a_memo_number_far_away_is_refused)
{
    REFUSE("\x80\2Nr\xff\xff\xff\xff.", HF_EFORMAT, "puts number 4294967295"); /* 32 GB of memo */
}

Test(pickle, names_on_the_stack_that_are_no_texts_are_refused) { REFUSE("\x80\4NN\x93.", HF_EFORMAT, "a name is no string"); }

Test(pickle, a_dictionary_of_what_is_no_list_of_pairs_is_refused)
{
    REFUSE("\x80\2" GLOBAL("collections\nOrderedDict") "K\1\x85R.", HF_EFORMAT, "no list of pairs");
    REFUSE("\x80\2" GLOBAL("collections\nOrderedDict") "]K\1a\x85R.", HF_EFORMAT, "no list of pairs");
}

Test(pickle, a_set_of_what_is_no_list_is_refused)
{
    REFUSE("\x80\2" GLOBAL("builtins\nset") "K\1\x85R.", HF_EFORMAT, "a set of what is no list");
}

/* ---- a lot of everything ---- */

Test(pickle, marks_may_be_nested)
{
    /* thirty tuples of one, in each other, around a 1 */
    char text[128] = "\x80\2";
    memset(text + 2, '(', 30);
    memcpy(text + 32, "K\1", 2);
    memset(text + 34, 't', 30);
    text[64] = '.';
    const hf_pickle_value *v = read_bytes(text, 65);
    for (int i = 0; i < 30; i++) {
        cr_assert_eq(v->kind, HF_PICKLE_TUPLE);
        cr_assert_eq(v->items.n, 1);
        v = v->items.at[0];
    }
    cr_assert_eq(v->integer, 1);
}

Test(pickle, hundreds_of_storages_are_listed)
{
    static const char one[] = STORAGE;
    static char text[300 * sizeof(one) + 16] = "\x80\2(";
    size_t n = 3;
    for (int i = 0; i < 300; i++)
        memcpy(text + n, one, sizeof(one) - 1), n += sizeof(one) - 1;
    memcpy(text + n, "l.", 2);
    const hf_pickle_value *v = read_bytes(text, n + 2);
    cr_assert_eq(pickle.n_storages, 300);
    for (size_t i = 0; i < 300; i++)
        cr_assert_eq(pickle.storages[i], v->items.at[i]->storage);
}

Test(pickle, values_for_more_than_256_megabytes_are_refused)
{
    static char text[8 << 20] = "\x80\2";
    memset(text + 2, 'N', sizeof(text) - 2); /* 8 million times None */
    refuse_bytes(text, sizeof(text), HF_ENOMEM, "wants more than 256 MB for its values");
}
