/* A short session with the SOAP service in C, by gSOAP (Debian: gsoap, libgsoap-dev) from the served WSDL:

       wsdl2h -c -F -Nepas -o epas.h 'http://127.0.0.1:8080/EPASSoap/service?wsdl'
       soapcpp2 -C -c -L -x epas.h
       cc -o soap_session soap_session.c soapC.c soapClient.c -lgsoap
       ./soap_session http://127.0.0.1:8080/EPASSoap/service alice secret

   epas2 is SOAP 1.2, epas3 SOAP 1.1. */

#include "epas_soap12.nsmap"
#include "soapH.h"

#include <stdio.h>
#include <string.h>

static int failed(struct soap *soap) {
    soap_print_fault(soap, stderr);
    return 1;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s URL USERNAME PASSWORD\n", argv[0]);
        return 2;
    }
    const char *url = argv[1];
    struct soap *soap = soap_new1(SOAP_C_UTFSTRING);
    enum xsd__boolean by_force = xsd__boolean__true_;

    struct _epas__login login = {argv[2], argv[3], &by_force};
    struct _epas__login_resp session;
    if (soap_call___epas2__login(soap, url, NULL, &login, &session)) return failed(soap);
    if (session.__union_login_resp != SOAP_UNION__epas__union_login_resp_success) {
        fprintf(stderr, "not logged in: %s\n", session.union_login_resp.failure.reason);
        return 1;
    }
    puts("logged in");
    const char *key = session.union_login_resp.success.session_key;

    struct epas__Group group = {"made in C", "1.5"};
    struct epas__Groups groups = {1, &group};
    struct epas__GroupStatuses added;
    soap_header(soap);
    soap->header->epas__session_key = (char *)key;
    if (soap_call___epas2__add_USCOREgroup(soap, url, NULL, &groups, &added)) return failed(soap);
    printf("add-group: %s\n", added.status[0].__item);

    struct epas__Empty nothing;
    memset(&nothing, 0, sizeof nothing);
    struct _epas__get_contact_list_resp list;
    soap_header(soap);
    soap->header->epas__session_key = (char *)key;
    if (soap_call___epas2__get_USCOREcontact_USCORElist(soap, url, NULL, &nothing, &list))
        return failed(soap);
    for (int i = 0; i < list.__sizegroup; i++) printf("  %s %s\n", list.group[i].index, list.group[i].name);

    struct _epas__logout logout = {NULL};
    struct _epas__logout_resp over;
    soap_header(soap);
    soap->header->epas__session_key = (char *)key;
    if (soap_call___epas2__logout(soap, url, NULL, &logout, &over)) return failed(soap);
    puts("logged out");

    soap_destroy(soap);
    soap_end(soap);
    soap_free(soap);
    return 0;
}
