#pragma once

// Owners of what OpenSSL makes.

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <memory>

#include "absl/strings/string_view.h"

namespace metagraph {

template <typename T, void (*kFree)(T*)>
struct Freed {
  void operator()(T* object) const { kFree(object); }
};
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using CertificateStore =
    std::unique_ptr<X509_STORE, Freed<X509_STORE, X509_STORE_free>>;
using ChainCheck =
    std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX, X509_STORE_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;

// For reading; the text outlives it, and has at most 2^31 - 1 bytes.
inline Bio BioOf(absl::string_view text) {
  return Bio(BIO_new_mem_buf(text.empty() ? "" : text.data(),
                             static_cast<int>(text.size())));
}

// For what may be encrypted, whose password would be asked for at the terminal.
inline int NoPassword(char*, int, int, void*) { return -1; }

}  // namespace metagraph
