/* UDP datagrams, several to a system call (docs/decisions/0021-c-beside-mypyc.md; sip/transport/datagrams.py has the
   same in Python).

   An address is the system's own form of it, as bytes: it is a key as good as host and port, and nothing has to be
   read or written for each datagram. */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#define BATCH 64
/* No datagram is longer (RFC 768). */
#define LARGEST 65535

/* Only what the kernel has written into is memory. */
static char (*room)[LARGEST + 1];
/* Of `send_many`, which calls nobody in between. */
static struct sockaddr_storage receivers[BATCH];
static struct iovec places[BATCH];
static struct mmsghdr messages[BATCH];

/* What of an address says where it is: padding would make two of one. */
static Py_ssize_t
length_of(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET ? (Py_ssize_t)offsetof(struct sockaddr_in, sin_zero)
                                         : (Py_ssize_t)sizeof(struct sockaddr_in6);
}

static PyObject *
receive(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    (void)module;
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "receive(descriptor, most)");
        return NULL;
    }
    long descriptor = PyLong_AsLong(given[0]);
    long most = PyLong_AsLong(given[1]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (most < 1 || most > BATCH) {
        most = BATCH;
    }
    struct sockaddr_storage from[BATCH];
    struct iovec where[BATCH];
    struct mmsghdr got[BATCH];
    for (long index = 0; index < most; index++) {
        where[index] = (struct iovec){room[index], LARGEST};
        got[index].msg_hdr = (struct msghdr){
            .msg_name = &from[index],
            .msg_namelen = sizeof from[index],
            .msg_iov = &where[index],
            .msg_iovlen = 1,
        };
    }
    /* Not without the GIL: it never waits, and `room` is one for all. */
    int found = recvmmsg((int)descriptor, got, (unsigned int)most, MSG_DONTWAIT, NULL);
    if (found < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return PyList_New(0);
        }
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    /* First what the collector of cycles does not know: it might call somebody who receives into `room`. */
    PyObject *made[2 * BATCH];
    int ready = 0;
    PyObject *list = NULL;
    for (int index = 0; index < found; index++) {
        made[ready] = PyBytes_FromStringAndSize(room[index], (Py_ssize_t)got[index].msg_len);
        if (made[ready] == NULL) {
            goto end;
        }
        ready++;
        made[ready] = PyBytes_FromStringAndSize((char *)&from[index], length_of(&from[index]));
        if (made[ready] == NULL) {
            goto end;
        }
        ready++;
    }
    list = PyList_New(found);
    for (int index = 0; list != NULL && index < found; index++) {
        PyObject *pair = PyTuple_Pack(2, made[2 * index], made[2 * index + 1]);
        if (pair == NULL) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, index, pair);
        }
    }
end:
    while (ready > 0) {
        Py_DECREF(made[--ready]);
    }
    return list;
}

static socklen_t
read_address(PyObject *bytes, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    size_t length = (size_t)PyBytes_GET_SIZE(bytes);
    memcpy(address, PyBytes_AS_STRING(bytes), length < sizeof *address ? length : sizeof *address);
    return address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static PyObject *
send_to(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    (void)module;
    if (count != 3 || !PyBytes_Check(given[1]) || !PyBytes_Check(given[2])) {
        PyErr_SetString(PyExc_TypeError, "send(descriptor, data, where)");
        return NULL;
    }
    long descriptor = PyLong_AsLong(given[0]);
    if (descriptor == -1 && PyErr_Occurred()) {
        return NULL;
    }
    struct sockaddr_storage address;
    socklen_t size = read_address(given[2], &address);
    /* Not without the GIL: it never waits. */
    if (sendto((int)descriptor, PyBytes_AS_STRING(given[1]), (size_t)PyBytes_GET_SIZE(given[1]), MSG_DONTWAIT,
            (struct sockaddr *)&address, size) < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    Py_RETURN_NONE;
}

static PyObject *
send_many(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    (void)module;
    if (count != 2 || !PyList_Check(given[1])) {
        PyErr_SetString(PyExc_TypeError, "send_many(descriptor, datagrams)");
        return NULL;
    }
    long descriptor = PyLong_AsLong(given[0]);
    if (descriptor == -1 && PyErr_Occurred()) {
        return NULL;
    }
    Py_ssize_t many = PyList_GET_SIZE(given[1]);
    if (many > BATCH) {
        many = BATCH;
    }
    for (Py_ssize_t index = 0; index < many; index++) {
        PyObject *pair = PyList_GET_ITEM(given[1], index);
        if (!PyTuple_Check(pair) || PyTuple_GET_SIZE(pair) != 2 || !PyBytes_Check(PyTuple_GET_ITEM(pair, 0))
            || !PyBytes_Check(PyTuple_GET_ITEM(pair, 1))) {
            PyErr_SetString(PyExc_TypeError, "a datagram is (data, where)");
            return NULL;
        }
        PyObject *data = PyTuple_GET_ITEM(pair, 0);
        places[index] = (struct iovec){PyBytes_AS_STRING(data), (size_t)PyBytes_GET_SIZE(data)};
        messages[index].msg_hdr = (struct msghdr){
            .msg_name = &receivers[index],
            .msg_namelen = read_address(PyTuple_GET_ITEM(pair, 1), &receivers[index]),
            .msg_iov = &places[index],
            .msg_iovlen = 1,
        };
    }
    int sent = many == 0 ? 0 : sendmmsg((int)descriptor, messages, (unsigned int)many, MSG_DONTWAIT);
    return sent < 0 ? PyErr_SetFromErrno(PyExc_OSError) : PyLong_FromLong(sent);
}

static PyMethodDef methods[] = {
    {"receive", (PyCFunction)(void (*)(void))receive, METH_FASTCALL,
        "receive(descriptor, most): a list of datagrams that are there, each with its sender."},
    {"send", (PyCFunction)(void (*)(void))send_to, METH_FASTCALL, "send(descriptor, data, where): one datagram."},
    {"send_many", (PyCFunction)(void (*)(void))send_many, METH_FASTCALL,
        "send_many(descriptor, datagrams): how many of them, each (data, where), could be sent."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "sip._datagrams", "UDP datagrams, several to a system call.", 0, methods, NULL, NULL, NULL,
    NULL,
};

PyMODINIT_FUNC
PyInit__datagrams(void)
{
    if (room == NULL) {
        room = PyMem_RawCalloc(BATCH, LARGEST + 1);
        if (room == NULL) {
            return PyErr_NoMemory();
        }
    }
    return PyModule_Create(&definition);
}
