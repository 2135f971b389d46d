/* Heads of messages and their values, as nearly all come (docs/decisions/0022-heads-in-c.md; sip/message/heads.py and
   sip/headers/plain.py have the same in Python).  What is unusual in the least is None, and read in Python. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>

/* -- what characters may be ------------------------------------------------------------------------------------- */

enum { DIGIT = 1, IN_HOST = 2, IN_USER = 4, APART = 8 };

static unsigned char kinds[256];

static void
set_kinds(void)
{
    for (int each = '0'; each <= '9'; each++) {
        kinds[each] = DIGIT | IN_HOST | IN_USER;
    }
    for (int each = 'a'; each <= 'z'; each++) {
        kinds[each] = kinds[each - 'a' + 'A'] = IN_HOST | IN_USER;
    }
    kinds['.'] = kinds['-'] = IN_HOST | IN_USER;
    kinds['_'] = kinds['+'] = IN_USER;
    /* With one of these a value has to be looked at closer. */
    for (const char *each = "\"<, \t"; *each; each++) {
        kinds[(unsigned char)*each] = APART;
    }
}

static PyObject *
text_of(const char *at, const char *end)
{
    return PyUnicode_DecodeUTF8(at, end - at, "surrogateescape");
}

/* The characters of a text that is ASCII; NULL for any other, without an exception. */
static const char *
ascii_of(PyObject *text, const char **end)
{
    if (!PyUnicode_Check(text) || PyUnicode_READY(text) != 0 || !PyUnicode_IS_COMPACT_ASCII(text)) {
        PyErr_Clear();
        return NULL;
    }
    const char *at = (const char *)PyUnicode_1BYTE_DATA(text);
    *end = at + PyUnicode_GET_LENGTH(text);
    return at;
}

static PyObject *
ascii(const char *at, const char *end)
{
    PyObject *made = PyUnicode_New(end - at, 127);
    if (made != NULL) {
        memcpy(PyUnicode_1BYTE_DATA(made), at, (size_t)(end - at));
    }
    return made;
}

/* -- heads ------------------------------------------------------------------------------------------------------ */

#define SLOTS 2048 /* a power of two, several times the number of spellings */

typedef struct {
    const char *at;
    Py_ssize_t size;
    PyObject *name;
} Slot;

typedef struct {
    PyObject_HEAD
    PyObject *known; /* keeps what the slots point to */
    PyObject *methods;
    PyObject *canonical;
    Slot names[SLOTS];
} Reader;

static size_t
place_of(const char *at, Py_ssize_t size)
{
    size_t hash = (size_t)size;
    for (Py_ssize_t index = 0; index < size; index++) {
        hash = hash * 31 + (unsigned char)at[index];
    }
    return (hash ^ (hash >> 11)) & (SLOTS - 1);
}

/* The one spelling of a name; NULL without an exception if it is none. */
static PyObject *
name_of(Reader *self, const char *at, Py_ssize_t size)
{
    Slot *slot = &self->names[place_of(at, size)];
    for (; slot->at != NULL; slot = slot == self->names + SLOTS - 1 ? self->names : slot + 1) {
        if (slot->size == size && memcmp(slot->at, at, (size_t)size) == 0) {
            return Py_NewRef(slot->name);
        }
    }
    PyObject *text = text_of(at, at + size);
    PyObject *name = text == NULL ? NULL : PyObject_CallOneArg(self->canonical, text);
    Py_XDECREF(text);
    if (name == NULL && PyErr_ExceptionMatches(PyExc_ValueError)) {
        PyErr_Clear();
    }
    return name;
}

static int
reader_init(PyObject *object, PyObject *given, PyObject *named)
{
    Reader *self = (Reader *)object;
    static char *names[] = {"known", "methods", "canonical", NULL};
    PyObject *known, *methods, *canonical;
    if (!PyArg_ParseTupleAndKeywords(
            given, named, "O!OO:Reader", names, &PyDict_Type, &known, &methods, &canonical)) {
        return -1;
    }
    if (PyDict_GET_SIZE(known) > SLOTS / 2) {
        PyErr_SetString(PyExc_ValueError, "so many names have no place");
        return -1;
    }
    memset(self->names, 0, sizeof self->names);
    Py_XSETREF(self->known, PyDict_Copy(known));
    Py_XSETREF(self->methods, PyDict_New());
    Py_XSETREF(self->canonical, Py_NewRef(canonical));
    PyObject *all = PySequence_Fast(methods, "methods");
    if (self->known == NULL || self->methods == NULL || all == NULL) {
        Py_XDECREF(all);
        return -1;
    }
    int failed = 0;
    for (Py_ssize_t index = 0; index < PySequence_Fast_GET_SIZE(all) && !failed; index++) {
        PyObject *method = PySequence_Fast_GET_ITEM(all, index);
        failed = PyDict_SetItem(self->methods, method, method);
    }
    Py_DECREF(all);
    PyObject *spelling, *name;
    for (Py_ssize_t index = 0; !failed && PyDict_Next(self->known, &index, &spelling, &name);) {
        Py_ssize_t size;
        const char *at = PyUnicode_AsUTF8AndSize(spelling, &size);
        if (at == NULL) {
            failed = -1;
            break;
        }
        size_t place = place_of(at, size);
        while (self->names[place].at != NULL) {
            place = (place + 1) & (SLOTS - 1);
        }
        self->names[place] = (Slot){at, size, name};
    }
    return failed;
}

static int
reader_traverse(PyObject *object, visitproc visit, void *arg)
{
    Reader *self = (Reader *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->known);
    Py_VISIT(self->methods);
    Py_VISIT(self->canonical);
    return 0;
}

static void
reader_dealloc(PyObject *object)
{
    Reader *self = (Reader *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    Py_CLEAR(self->known);
    Py_CLEAR(self->methods);
    Py_CLEAR(self->canonical);
    type->tp_free(object);
    Py_DECREF(type);
}

/* Where the line at `at` ends, before its CR LF; NULL if something in it is no part of a line. */
static const char *
end_of_line(const char *at, const char *end)
{
    while (at < end) {
        switch (*at) {
        case '\r':
            return end - at >= 2 && at[1] == '\n' ? at : NULL;
        case '\n':
        case '\0':
            return NULL;
        default:
            at++;
        }
    }
    return end;
}

/* Put a line among those of its name; -1 with an exception. */
static int
keep(PyObject *first, PyObject *more, PyObject *name, PyObject *value)
{
    Py_ssize_t before = PyDict_GET_SIZE(first);
    if (PyDict_SetDefault(first, name, value) == NULL) {
        return -1;
    }
    if (PyDict_GET_SIZE(first) > before) {
        return 0;
    }
    PyObject *further = PyDict_GetItemWithError(more, name);
    if (further != NULL) {
        return PyList_Append(further, value);
    }
    further = PyList_New(1);
    if (further == NULL) {
        return -1;
    }
    PyList_SET_ITEM(further, 0, Py_NewRef(value));
    int failed = PyErr_Occurred() ? -1 : PyDict_SetItem(more, name, further);
    Py_DECREF(further);
    return failed;
}

/* Method and Request-URI of a start line, borrowed and new; 0 if it is another, -1 with an exception. */
static int
request_line(Reader *self, const char *at, const char *end, PyObject **method, PyObject **uri)
{
    static const char version[] = " SIP/2.0";
    const char *space = memchr(at, ' ', (size_t)(end - at));
    const char *stop = end - (sizeof version - 1);
    if (space == NULL || stop <= space + 1 || memcmp(stop, version, sizeof version - 1) != 0
        || memchr(space + 1, ' ', (size_t)(stop - space - 1)) != NULL
        || memchr(space + 1, '\t', (size_t)(stop - space - 1)) != NULL) {
        return 0;
    }
    PyObject *word = text_of(at, space);
    if (word == NULL) {
        return -1;
    }
    *method = PyDict_GetItemWithError(self->methods, word);
    Py_DECREF(word);
    if (*method == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    *uri = text_of(space + 1, stop);
    return *uri == NULL ? -1 : 1;
}

static PyObject *
reader_read(PyObject *object, PyObject *const *given, Py_ssize_t count)
{
    Reader *self = (Reader *)object;
    if (count != 2 || !PyBytes_Check(given[0])) {
        PyErr_SetString(PyExc_TypeError, "read(data, most)");
        return NULL;
    }
    if (self->methods == NULL) {
        PyErr_SetString(PyExc_TypeError, "a reader without names");
        return NULL;
    }
    Py_ssize_t most = PyLong_AsSsize_t(given[1]);
    if (most == -1 && PyErr_Occurred()) {
        return NULL;
    }
    const char *data = PyBytes_AS_STRING(given[0]), *end = data + PyBytes_GET_SIZE(given[0]);
    const char *at = data, *stop = end_of_line(at, end);
    if (stop == NULL || stop == at || stop == end) {
        Py_RETURN_NONE;
    }
    PyObject *first = PyDict_New(), *more = PyDict_New(), *method = NULL, *start = NULL, *result = NULL;
    if (first == NULL || more == NULL) {
        goto end;
    }
    int is_request = request_line(self, at, stop, &method, &start);
    if (is_request < 0) {
        goto end;
    }
    if (!is_request && (start = text_of(at, stop)) == NULL) {
        goto end;
    }
    Py_ssize_t values = 0;
    if (most) {
        for (const char *comma = at; (comma = memchr(comma, ',', (size_t)(stop - comma))) != NULL; comma++) {
            values++;
        }
    }
    for (at = stop + 2;; at = stop + 2) {
        const char *colon = NULL;
        for (stop = at; stop < end && *stop != '\r' && *stop != '\n' && *stop != '\0'; stop++) {
            if (*stop == ':' && colon == NULL) {
                colon = stop;
            } else if (*stop == ',') {
                values++;
            }
        }
        if (end - stop < 2 || stop[0] != '\r' || stop[1] != '\n') {
            goto unusual;
        }
        if (stop == at) {
            break;
        }
        values++;
        if (most && values > most) {
            goto unusual;
        }
        if (colon == NULL || colon[1] != ' ' || *at == ' ' || *at == '\t') {
            goto unusual;
        }
        PyObject *name = name_of(self, at, colon - at);
        if (name == NULL) {
            if (PyErr_Occurred()) {
                goto end;
            }
            goto unusual;
        }
        const char *from = colon + 2, *to = stop;
        while (from < to && (*from == ' ' || *from == '\t')) {
            from++;
        }
        while (from < to && (to[-1] == ' ' || to[-1] == '\t')) {
            to--;
        }
        PyObject *value = text_of(from, to);
        int failed = value == NULL || keep(first, more, name, value) != 0;
        Py_DECREF(name);
        Py_XDECREF(value);
        if (failed) {
            goto end;
        }
    }
    if (most && values > most) {
        goto unusual;
    }
    PyObject *empty = is_request ? NULL : PyUnicode_New(0, 0);
    if (is_request || empty != NULL) {
        result = Py_BuildValue("OOOOn", is_request ? method : empty, start, first, more, (Py_ssize_t)(stop + 2 - data));
    }
    Py_XDECREF(empty);
    goto end;
unusual:
    result = Py_NewRef(Py_None);
end:
    Py_XDECREF(first);
    Py_XDECREF(more);
    Py_XDECREF(start);
    return result;
}

static PyMethodDef reader_methods[] = {
    {"read", (PyCFunction)(void (*)(void))reader_read, METH_FASTCALL, "As sip.message.heads.head_in_python."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot reader_slots[] = {
    {Py_tp_init, reader_init},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_traverse, reader_traverse},
    {Py_tp_dealloc, reader_dealloc},
    {Py_tp_methods, reader_methods},
    {Py_tp_doc, "Reads heads: Reader(known, methods, canonical)."},
    {0, NULL},
};

static PyType_Spec reader_spec = {
    "sip._heads.Reader", sizeof(Reader), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    reader_slots,
};

/* -- values ----------------------------------------------------------------------------------------------------- */

/* Write the characters of a text that nobody has seen yet, from one place to another, in lower case. */
static void
fold(PyObject *text, Py_ssize_t from, Py_ssize_t to)
{
    for (unsigned char *at = PyUnicode_1BYTE_DATA(text) + from; from < to; from++, at++) {
        if (*at >= 'A' && *at <= 'Z') {
            *at = (unsigned char)(*at + ('a' - 'A'));
        }
    }
}

/* Names that are there once. */
static PyObject *usual_names[8];
static const char *const usual[] = {"branch", "rport", "received", "tag", "expires", "q", "transport", "lr"};

static PyObject *
param_name(const char *at, const char *end)
{
    for (int index = 0; index < 8; index++) {
        if ((Py_ssize_t)strlen(usual[index]) == end - at && memcmp(usual[index], at, (size_t)(end - at)) == 0) {
            return Py_NewRef(usual_names[index]);
        }
    }
    PyObject *made = ascii(at, end);
    if (made != NULL) {
        fold(made, 0, end - at);
    }
    return made;
}

/* What follows a value, from its first ";" on, as a dictionary; Py_None if it has to be looked at closer. */
static PyObject *
params_of(const char *at, const char *end)
{
    for (const char *each = at; each < end; each++) {
        if (kinds[(unsigned char)*each] & APART) {
            Py_RETURN_NONE;
        }
    }
    PyObject *params = PyDict_New();
    while (params != NULL && at < end) {
        at++;
        const char *stop = memchr(at, ';', (size_t)(end - at));
        stop = stop == NULL ? end : stop;
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        const char *name_end = equals == NULL ? stop : equals;
        if (name_end == at) {
            Py_SETREF(params, Py_NewRef(Py_None));
            break;
        }
        PyObject *name = param_name(at, name_end);
        PyObject *value = equals == NULL ? Py_NewRef(Py_None) : ascii(equals + 1, stop);
        Py_ssize_t before = PyDict_GET_SIZE(params);
        if (name == NULL || value == NULL || PyDict_SetItem(params, name, value) != 0) {
            Py_CLEAR(params);
        } else if (PyDict_GET_SIZE(params) == before) {
            /* Said twice. */
            Py_SETREF(params, Py_NewRef(Py_None));
            at = end;
        }
        Py_XDECREF(name);
        Py_XDECREF(value);
        at = at == end ? end : stop;
    }
    return params;
}

static PyObject *
plain_params(PyObject *module, PyObject *text)
{
    (void)module;
    const char *end, *at = ascii_of(text, &end);
    if (at == NULL || at == end || *at != ';') {
        Py_RETURN_NONE;
    }
    return params_of(at, end);
}

/* The port that is written at `at`; -1 if that is none. */
static int
port_of(const char *at, const char *end)
{
    if (at == end || end - at > 5) {
        return -1;
    }
    int port = 0;
    for (; at < end; at++) {
        if (!(kinds[(unsigned char)*at] & DIGIT)) {
            return -1;
        }
        port = port * 10 + (*at - '0');
    }
    return port > 65535 ? -1 : port;
}

static PyObject *
plain_uri(PyObject *module, PyObject *text)
{
    (void)module;
    const char *end, *at = ascii_of(text, &end);
    if (at == NULL || end - at < 4 || memcmp(at, "sip:", 4) != 0) {
        Py_RETURN_NONE;
    }
    const char *user = at + 4, *stop = user;
    while (stop < end && (kinds[(unsigned char)*stop] & IN_USER)) {
        stop++;
    }
    const char *host = stop + 1, *past = host;
    if (stop == user || stop == end || *stop != '@') {
        Py_RETURN_NONE;
    }
    int lower = 1;
    for (; past < end && (kinds[(unsigned char)*past] & IN_HOST); past++) {
        lower = lower && !(*past >= 'A' && *past <= 'Z');
    }
    int port = past == end ? 0 : *past == ':' ? port_of(past + 1, end) : -1;
    if (past == host || port < 0) {
        Py_RETURN_NONE;
    }
    PyObject *result = NULL;
    PyObject *of = ascii(user, stop), *place = ascii(host, past);
    PyObject *number = past == end ? Py_NewRef(Py_None) : PyLong_FromLong(port);
    PyObject *aor = lower && past == end ? Py_NewRef(text) : ascii(at, past);
    if (of != NULL && place != NULL && number != NULL && aor != NULL) {
        if (!lower) {
            fold(aor, host - at, past - at);
        }
        result = PyTuple_Pack(4, of, place, number, aor);
    }
    Py_XDECREF(of);
    Py_XDECREF(place);
    Py_XDECREF(number);
    Py_XDECREF(aor);
    return result;
}

static PyObject *transports[6];
static const char *const transport_names[] = {"UDP", "TCP", "TLS", "SCTP", "WS", "WSS"};

static PyObject *
plain_via(PyObject *module, PyObject *text)
{
    (void)module;
    const char *end, *at = ascii_of(text, &end);
    if (at == NULL || end - at < 8 || memcmp(at, "SIP/2.0/", 8) != 0) {
        Py_RETURN_NONE;
    }
    at += 8;
    const char *space = memchr(at, ' ', (size_t)(end - at));
    if (space == NULL) {
        Py_RETURN_NONE;
    }
    PyObject *transport = NULL;
    for (int index = 0; index < 6; index++) {
        if ((Py_ssize_t)strlen(transport_names[index]) == space - at
            && memcmp(transport_names[index], at, (size_t)(space - at)) == 0) {
            transport = transports[index];
        }
    }
    const char *host = space + 1, *past = host;
    while (past < end && (kinds[(unsigned char)*past] & IN_HOST)) {
        past++;
    }
    const char *semicolon = memchr(past, ';', (size_t)(end - past));
    semicolon = semicolon == NULL ? end : semicolon;
    int port = past == semicolon ? 0 : *past == ':' ? port_of(past + 1, semicolon) : -1;
    if (transport == NULL || past == host || port < 0) {
        Py_RETURN_NONE;
    }
    PyObject *params = params_of(semicolon, end);
    if (params == NULL || params == Py_None) {
        return params;
    }
    PyObject *result = NULL;
    PyObject *place = ascii(host, past);
    PyObject *number = past == semicolon ? Py_NewRef(Py_None) : PyLong_FromLong(port);
    if (place != NULL && number != NULL) {
        result = PyTuple_Pack(4, transport, place, number, params);
    }
    Py_XDECREF(place);
    Py_XDECREF(number);
    Py_DECREF(params);
    return result;
}

static PyObject *
plain_address(PyObject *module, PyObject *text)
{
    (void)module;
    const char *end, *at = ascii_of(text, &end);
    if (at == NULL || at == end) {
        Py_RETURN_NONE;
    }
    const char *name = NULL, *name_end = NULL;
    if (*at == '"') {
        name = at + 1;
        name_end = memchr(name, '"', (size_t)(end - name));
        if (name_end == NULL || memchr(name, '\\', (size_t)(name_end - name)) != NULL) {
            Py_RETURN_NONE;
        }
        at = name_end + 1;
        at += at < end && *at == ' ';
    }
    const char *uri = at + 1;
    if (at == end || *at != '<') {
        Py_RETURN_NONE;
    }
    const char *past = uri;
    while (past < end && *past != '>' && !(kinds[(unsigned char)*past] & APART)) {
        past++;
    }
    if (past == uri || past == end || *past != '>' || (past + 1 < end && past[1] != ';')) {
        Py_RETURN_NONE;
    }
    PyObject *params = params_of(past + 1, end);
    if (params == NULL || params == Py_None) {
        return params;
    }
    PyObject *result = NULL;
    PyObject *display = name == NULL ? Py_NewRef(Py_None) : ascii(name, name_end);
    PyObject *inner = ascii(uri, past);
    if (display != NULL && inner != NULL) {
        result = PyTuple_Pack(3, display, inner, params);
    }
    Py_XDECREF(display);
    Py_XDECREF(inner);
    Py_DECREF(params);
    return result;
}

/* -- written ---------------------------------------------------------------------------------------------------- */

/* Add the size of a line to `size`, or write it at `*to`; 0 if it cannot be, -1 never. */
static int
line(PyObject *name, PyObject *value, Py_ssize_t *size, char **to)
{
    const char *name_end, *value_end;
    const char *name_at = ascii_of(name, &name_end), *value_at = ascii_of(value, &value_end);
    if (name_at == NULL || value_at == NULL) {
        return 0;
    }
    Py_ssize_t names = name_end - name_at, values = value_end - value_at;
    if (to == NULL) {
        *size += names + values + 4;
        return 1;
    }
    memcpy(*to, name_at, (size_t)names);
    memcpy(*to + names, ": ", 2);
    memcpy(*to + names + 2, value_at, (size_t)values);
    memcpy(*to + names + 2 + values, "\r\n", 2);
    *to += names + values + 4;
    return 1;
}

static int
lines(PyObject *first, PyObject *more, Py_ssize_t *size, char **to)
{
    PyObject *name, *value;
    int several = PyDict_GET_SIZE(more) > 0;
    for (Py_ssize_t index = 0; PyDict_Next(first, &index, &name, &value);) {
        if (!line(name, value, size, to)) {
            return 0;
        }
        PyObject *further = several ? PyDict_GetItemWithError(more, name) : NULL;
        if (further != NULL && !PyList_Check(further)) {
            return 0;
        }
        for (Py_ssize_t place = 0; further != NULL && place < PyList_GET_SIZE(further); place++) {
            if (!line(name, PyList_GET_ITEM(further, place), size, to)) {
                return 0;
            }
        }
    }
    return 1;
}

static PyObject *
rendered(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    (void)module;
    if (count != 4 || !PyDict_Check(given[1]) || !PyDict_Check(given[2]) || !PyBytes_Check(given[3])) {
        PyErr_SetString(PyExc_TypeError, "rendered(start, first, more, body)");
        return NULL;
    }
    const char *end, *at = ascii_of(given[0], &end);
    Py_ssize_t body = PyBytes_GET_SIZE(given[3]), size = body + 4;
    if (at == NULL || !lines(given[1], given[2], &size, NULL)) {
        if (PyErr_Occurred()) {
            return NULL;
        }
        Py_RETURN_NONE;
    }
    PyObject *result = PyBytes_FromStringAndSize(NULL, size + (end - at));
    if (result == NULL) {
        return NULL;
    }
    char *to = PyBytes_AS_STRING(result);
    memcpy(to, at, (size_t)(end - at));
    to += end - at;
    memcpy(to, "\r\n", 2);
    to += 2;
    lines(given[1], given[2], &size, &to);
    memcpy(to, "\r\n", 2);
    memcpy(to + 2, PyBytes_AS_STRING(given[3]), (size_t)body);
    return result;
}

/* -- the module ------------------------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"plain_address", plain_address, METH_O, "As sip.headers.plain.plain_address_in_python."},
    {"plain_params", plain_params, METH_O, "As sip.headers.plain.plain_params_in_python."},
    {"plain_uri", plain_uri, METH_O, "As sip.uri.plain_uri_in_python."},
    {"plain_via", plain_via, METH_O, "As sip.headers.plain.plain_via_in_python."},
    {"rendered", (PyCFunction)(void (*)(void))rendered, METH_FASTCALL, "As sip.message.heads.rendered_in_python."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "sip._heads", "Heads of messages, read and written.", -1, methods, NULL, NULL, NULL, NULL,
};

static int
names_of(PyObject **into, const char *const *from, int count)
{
    for (int index = 0; index < count; index++) {
        if (into[index] == NULL && (into[index] = PyUnicode_InternFromString(from[index])) == NULL) {
            return -1;
        }
    }
    return 0;
}

PyMODINIT_FUNC
PyInit__heads(void)
{
    set_kinds();
    if (names_of(usual_names, usual, 8) != 0 || names_of(transports, transport_names, 6) != 0) {
        return NULL;
    }
    PyObject *module = PyModule_Create(&definition);
    PyObject *type = module == NULL ? NULL : PyType_FromSpec(&reader_spec);
    if (type == NULL || PyModule_AddObjectRef(module, "Reader", type) != 0) {
        Py_CLEAR(module);
    }
    Py_XDECREF(type);
    return module;
}
