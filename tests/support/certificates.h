#pragma once

// Certificates of a test's own, made by the openssl command.

#include <cstdlib>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace metagraph {

// Makes files NAME.pem, certificate and key in one, in a folder.
class Certificates {
 public:
  explicit Certificates(const TempDir& dir) : dir_(dir) {}

  std::string Path(const std::string& name) const {
    return dir_.Join(name + ".pem");
  }
  // A root of its own.
  void MakeRoot(const std::string& name) {
    Run("req -x509 -days 2 -subj /CN=" + name + NewKey(name) + " -out " +
        dir_.Join(name + ".crt"));
    Join(name);
  }
  // Signed by `root`; `names`: "DNS:a,URI:b". `days` below 0: it has expired.
  // `extension`: "extendedKeyUsage=serverAuth".
  void Make(const std::string& name, const std::string& root,
            const std::string& names, int days = 2,
            const std::string& extension = "") {
    Run("req -new -subj /CN=" + name + NewKey(name) + " -out " +
        dir_.Join(name + ".csr") + " -addext subjectAltName=" + names +
        (extension.empty() ? "" : " -addext " + extension));
    const std::string sign = "x509 -req -in " + dir_.Join(name + ".csr") +
                             " -CA " + dir_.Join(root + ".crt") + " -CAkey " +
                             dir_.Join(root + ".key") +
                             " -CAcreateserial -copy_extensions copyall -out " +
                             dir_.Join(name + ".crt");
    if (days >= 0 || !HasDates()) {
      Run(sign + " -days " + std::to_string(days));
    } else {
      Run(sign + " -not_before 20200101000000Z -not_after 20200102000000Z");
    }
    Join(name);
  }
  // The certificate of `victim` with the private key of `thief`, which says
  // that it belongs to it, so that clients take them.
  void Steal(const std::string& name, const std::string& victim,
             const std::string& thief) {
    const auto part = [this](const std::string& of, const std::string& which) {
      return "$(openssl pkey -text -noout -in " + dir_.Join(of + ".key") +
             " | sed -n '/^" + which + ":/,/^[^ ]*:\\?$/{/^ /p}'" +
             " | tr -d ' :\\n')";
    };
    Shell(
        "printf '%s\\n' asn1=SEQUENCE:k '[k]' v=INTEGER:1 "
        "p=FORMAT:HEX,OCTETSTRING:" +
        part(thief, "priv") +
        " o=EXPLICIT:0,OID:prime256v1 "
        "u=EXPLICIT:1,FORMAT:HEX,BITSTRING:" +
        part(victim, "pub") + " > " + dir_.Join(name + ".cnf"));
    Run("asn1parse -noout -genconf " + dir_.Join(name + ".cnf") + " -out " +
        dir_.Join(name + ".der"));
    Run("ec -inform DER -in " + dir_.Join(name + ".der") + " -out " +
        dir_.Join(name + ".key"));
    Shell("cp " + dir_.Join(victim + ".crt") + " " + dir_.Join(name + ".crt"));
    Join(name);
  }

 private:
  std::string NewKey(const std::string& name) const {
    return " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout " +
           dir_.Join(name + ".key");
  }
  // Newer versions take dates, and then no days below 0.
  static bool HasDates() {
    // NOLINTNEXTLINE(cert-env33-c): the same command.
    return std::system("openssl x509 -help 2>&1 | grep -q not_after") == 0;
  }
  void Run(const std::string& arguments) const {
    Shell("openssl " + arguments + " 2>> " + dir_.Join("openssl.log"));
  }
  void Join(const std::string& name) const {
    const std::string path = dir_.Join(name);
    Shell("cat " + path + ".crt " + path + ".key > " + path + ".pem");
  }
  static void Shell(const std::string& command) {
    // NOLINTNEXTLINE(cert-env33-c): a test's own folder.
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }

  const TempDir& dir_;
};

}  // namespace metagraph
