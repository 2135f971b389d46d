/* Text that is written and read for every NOTIFY (docs/decisions/0021-c-beside-mypyc.md; sip/transaction/plain.py and
   sip/message/written.py have the same in Python). */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

/* -- the usual answer ------------------------------------------------------------------------------------------- */

typedef struct {
    const char *at;
    Py_ssize_t size;
} Line;

#define ECHO 4

static const Line silent[] = {
#define NAME(text) {text, sizeof text - 1}
    NAME("Server"), NAME("User-Agent"), NAME("Allow"), NAME("Allow-Events"), NAME("Supported"), NAME("Accept"),
    NAME("Accept-Encoding"), NAME("Accept-Language"), NAME("Date"), NAME("Contact"),
#undef NAME
};

static int
is(Line line, const char *text, size_t size)
{
    return line.size == (Py_ssize_t)size && memcmp(line.at, text, size) == 0;
}
#define IS(line, text) is(line, text, sizeof text - 1)

/* The next line of what is left of a head, without its end; 0 if there is none that ends as lines do. */
static int
next_line(const char **at, const char *end, Line *line)
{
    const char *stop = memchr(*at, '\r', (size_t)(end - *at));
    if (stop == NULL || end - stop < 2 || stop[1] != '\n' || memchr(*at, '\n', (size_t)(stop - *at)) != NULL
        || memchr(*at, '\0', (size_t)(stop - *at)) != NULL) {
        return 0;
    }
    *line = (Line){*at, stop - *at};
    *at = stop + 2;
    return 1;
}

/* Past the status line and the only Via of a 200 that is nothing but a head; NULL for all else. */
static const char *
past_via(const char *at, const char *end, Line *via)
{
    Line status;
    if (end - at < 4 || memcmp(end - 4, "\r\n\r\n", 4) != 0 || !next_line(&at, end, &status)
        || !IS(status, "SIP/2.0 200 OK") || !next_line(&at, end, via) || via->size < 13
        || memcmp(via->at, "Via: SIP/2.0/", 13) != 0 || memchr(via->at, ',', (size_t)via->size) != NULL) {
        return NULL;
    }
    return at;
}

static PyObject *
branch_of(PyObject *module, PyObject *data)
{
    (void)module;
    if (!PyBytes_Check(data)) {
        PyErr_SetString(PyExc_TypeError, "branch_of(data)");
        return NULL;
    }
    const char *at = PyBytes_AS_STRING(data);
    Line via;
    if (past_via(at, at + PyBytes_GET_SIZE(data), &via) == NULL) {
        Py_RETURN_NONE;
    }
    const char *end = via.at + via.size;
    const char *branch = memmem(via.at, (size_t)via.size, ";branch=", 8);
    if (branch == NULL) {
        Py_RETURN_NONE;
    }
    branch += 8;
    const char *stop = memchr(branch, ';', (size_t)(end - branch));
    return PyUnicode_DecodeASCII(branch, (stop == NULL ? end : stop) - branch, "replace");
}

static int
is_silent(Line line)
{
    const char *colon = memchr(line.at, ':', (size_t)line.size);
    Line name = {line.at, colon == NULL ? line.size : colon - line.at};
    for (size_t index = 0; index < sizeof silent / sizeof *silent; index++) {
        if (is(name, silent[index].at, (size_t)silent[index].size)) {
            return 1;
        }
    }
    return 0;
}

static PyObject *
says_no_more(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    (void)module;
    if (count != 2 || !PyBytes_Check(given[0]) || !PyBytes_Check(given[1])) {
        PyErr_SetString(PyExc_TypeError, "says_no_more(data, sent)");
        return NULL;
    }
    const char *at = PyBytes_AS_STRING(given[1]);
    const char *end = at + PyBytes_GET_SIZE(given[1]);
    Line line;
    Line echo[ECHO];
    if (!next_line(&at, end, &line) || !next_line(&at, end, &line)) {
        Py_RETURN_FALSE;
    }
    for (int index = 0; index < ECHO; index++) {
        if (!next_line(&at, end, &echo[index])) {
            Py_RETURN_FALSE;
        }
    }
    at = PyBytes_AS_STRING(given[0]);
    end = at + PyBytes_GET_SIZE(given[0]);
    at = past_via(at, end, &line);
    if (at == NULL) {
        Py_RETURN_FALSE;
    }
    unsigned int owed = (1u << ECHO) - 1;
    /* Up to the empty line, which is the last. */
    for (end -= 2; at < end;) {
        if (!next_line(&at, end, &line)) {
            Py_RETURN_FALSE;
        }
        int index = 0;
        while (index < ECHO && !((owed & (1u << index)) && is(line, echo[index].at, (size_t)echo[index].size))) {
            index++;
        }
        if (index < ECHO) {
            /* Once only: a second one is taken for what it is. */
            owed &= ~(1u << index);
        } else if (!IS(line, "Content-Length: 0") && !is_silent(line)) {
            Py_RETURN_FALSE;
        }
    }
    return PyBool_FromLong(owed == 0);
}

/* -- a message from its parts ----------------------------------------------------------------------------------- */

#define MOST 128

/* The digits of a number, written from the end of `room` forwards; NULL for one that is not small, or no number. */
static char *
digits_of(PyObject *number, char *end)
{
    if (!PyLong_CheckExact(number)) {
        return NULL;
    }
    int overflow;
    long long value = PyLong_AsLongLongAndOverflow(number, &overflow);
    if (overflow || value < 0) {
        return NULL;
    }
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return end;
}

static int
breaks(const char *text, size_t size)
{
    return memchr(text, '\n', size) != NULL || memchr(text, '\r', size) != NULL || memchr(text, '\0', size) != NULL;
}

static PyObject *
written(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    (void)module;
    if (count != 2 || !PyList_Check(given[0]) || !PyBytes_Check(given[1])) {
        PyErr_SetString(PyExc_TypeError, "written(parts, body)");
        return NULL;
    }
    Py_ssize_t parts = PyList_GET_SIZE(given[0]);
    if (parts > MOST) {
        /* So many have a message made of them. */
        Py_RETURN_NONE;
    }
    Line pieces[MOST];
    /* Encoded here, where it is not ASCII. */
    PyObject *made[MOST];
    int makes = 0;
    char room[MOST / 2 * 20];
    char *digits = room + sizeof room;
    Py_ssize_t size = PyBytes_GET_SIZE(given[1]);
    PyObject *result = NULL;
    for (Py_ssize_t index = 0; index < parts; index++) {
        PyObject *part = PyList_GET_ITEM(given[0], index);
        if (PyUnicode_Check(part)) {
            if (PyUnicode_IS_COMPACT_ASCII(part)) {
                pieces[index] = (Line){(char *)PyUnicode_1BYTE_DATA(part), PyUnicode_GET_LENGTH(part)};
            } else {
                PyObject *encoded = PyUnicode_AsEncodedString(part, "utf-8", "surrogateescape");
                if (encoded == NULL) {
                    goto end;
                }
                made[makes++] = encoded;
                pieces[index] = (Line){PyBytes_AS_STRING(encoded), PyBytes_GET_SIZE(encoded)};
            }
        } else {
            char *from = digits - room >= 20 ? digits_of(part, digits) : NULL;
            if (from == NULL) {
                PyErr_SetString(PyExc_TypeError, "a part is neither text nor a number");
                goto end;
            }
            pieces[index] = (Line){from, digits - from};
            digits = from;
        }
        if (index % 2 == 1 && breaks(pieces[index].at, (size_t)pieces[index].size)) {
            result = Py_NewRef(Py_None);
            goto end;
        }
        size += pieces[index].size;
    }
    result = PyBytes_FromStringAndSize(NULL, size);
    if (result != NULL) {
        char *to = PyBytes_AS_STRING(result);
        for (Py_ssize_t index = 0; index < parts; index++) {
            memcpy(to, pieces[index].at, (size_t)pieces[index].size);
            to += pieces[index].size;
        }
        memcpy(to, PyBytes_AS_STRING(given[1]), (size_t)PyBytes_GET_SIZE(given[1]));
    }
end:
    while (makes > 0) {
        Py_DECREF(made[--makes]);
    }
    return result;
}

static PyMethodDef methods[] = {
    {"branch_of", branch_of, METH_O, "As sip.transaction.plain.branch_of."},
    {"says_no_more", (PyCFunction)(void (*)(void))says_no_more, METH_FASTCALL, "As sip.transaction.plain.says_no_more."},
    {"written", (PyCFunction)(void (*)(void))written, METH_FASTCALL, "As sip.message.written.written."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "sip._text", "Text that is written and read for every NOTIFY.", 0, methods, NULL, NULL, NULL,
    NULL,
};

PyMODINIT_FUNC
PyInit__text(void)
{
    return PyModule_Create(&definition);
}
