/*
 * A PKCS#11 library that hands everything on to SoftHSM, but for the faults in the file FAULTY_LIBRARY: lines of a function, a
 * return value and how often it still happens. A return value below zero is a number of milliseconds that the call takes; one of
 * C_GetTokenInfo is flags. Every call of these functions is a line in the file FAULTY_LIBRARY.calls.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pkcs11/pkcs11.h"

static CK_FUNCTION_LIST_PTR real;
static CK_FUNCTION_LIST own;

static long fault(const char *name) {
  const char *path = getenv("FAULTY_LIBRARY");
  char calls[4096], names[32][64];
  long values[32], left[32], found = 0;
  int count = 0;
  snprintf(calls, sizeof calls, "%s.calls", path);
  FILE *log = fopen(calls, "a");
  if (log != NULL) {
    fprintf(log, "%s\n", name);
    fclose(log);
  }
  FILE *file = fopen(path, "r");
  if (file == NULL) return 0;
  while (count < 32 && fscanf(file, "%63s %ld %ld", names[count], &values[count], &left[count]) == 3) count++;
  fclose(file);
  for (int i = 0; i < count && found == 0; i++) {
    if (strcmp(names[i], name) != 0 || left[i] <= 0) continue;
    found = values[i];
    left[i]--;
  }
  if (found != 0) {
    file = fopen(path, "w");
    for (int i = 0; i < count; i++) fprintf(file, "%s %ld %ld\n", names[i], values[i], left[i]);
    fclose(file);
  }
  return found;
}

#define OR_FAULT(name, call)              \
  long found = fault(name);               \
  if (found > 0) return (CK_RV)found;     \
  if (found < 0) usleep(-found * 1000);   \
  return real->call

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR_PTR pin, CK_ULONG length) {
  OR_FAULT("C_Login", C_Login(session, user, pin, length));
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR given, CK_NOTIFY notify, CK_SESSION_HANDLE_PTR session) {
  OR_FAULT("C_OpenSession", C_OpenSession(slot, flags, given, notify, session));
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  OR_FAULT("C_SignInit", C_SignInit(session, mechanism, key));
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR out, CK_ULONG_PTR size) {
  OR_FAULT("C_Sign", C_Sign(session, data, length, out, size));
}

static CK_RV find(CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR template, CK_ULONG count) {
  OR_FAULT("C_FindObjectsInit", C_FindObjectsInit(session, template, count));
}

static CK_RV decrypt(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR out, CK_ULONG_PTR size) {
  OR_FAULT("C_Decrypt", C_Decrypt(session, data, length, out, size));
}

static CK_RV token_info(CK_SLOT_ID slot, CK_TOKEN_INFO_PTR info) {
  CK_RV result = real->C_GetTokenInfo(slot, info);
  info->flags |= (CK_FLAGS)fault("C_GetTokenInfo");
  return result;
}

/* An HSM that takes an IV of its own, and tells nobody. */
static CK_RV encrypt_init(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  CK_BYTE iv[12] = {0}, parameter[64];
  CK_MECHANISM changed = {mechanism->mechanism, parameter, mechanism->ulParameterLen};
  if (fault("own_iv") == 0) return real->C_EncryptInit(session, mechanism, key);
  memcpy(parameter, mechanism->pParameter, mechanism->ulParameterLen);
  memcpy(parameter, &(CK_BYTE_PTR){iv}, sizeof(CK_BYTE_PTR)); /* its first member is where the IV is */
  return real->C_EncryptInit(session, &changed, key);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  if (real == NULL) {
    void *library = dlopen(getenv("FAULTY_LIBRARY_OF"), RTLD_NOW);
    CK_C_GetFunctionList get = library == NULL ? NULL : (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
    if (get == NULL || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    own = *real;
    own.C_Login = login;
    own.C_OpenSession = open_session;
    own.C_SignInit = sign_init;
    own.C_Sign = sign;
    own.C_FindObjectsInit = find;
    own.C_Decrypt = decrypt;
    own.C_GetTokenInfo = token_info;
    own.C_EncryptInit = encrypt_init;
  }
  *list = &own;
  return CKR_OK;
}
