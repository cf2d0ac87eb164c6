"""Tokens, signatures, a certificate and files of keys.

Root: cryptography; has compiled modules.
"""

import datetime

import cryptography
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.backends import default_backend
from cryptography.hazmat.bindings.openssl import binding
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.serialization import ssh

key = Fernet.generate_key()
token = Fernet(key).encrypt(b"text")
print(Fernet(key).decrypt(token))
try:
    Fernet(key).decrypt(token[:-4] + b"AAA=")
except InvalidToken as error:
    print("refused:", type(error).__name__)
for kind in (AESGCM, ChaCha20Poly1305):
    print(kind.__name__, kind(b"k" * 32).encrypt(b"n" * 12, b"text", b"more").hex())
print(Scrypt(salt=b"salt", length=16, n=2**4, r=8, p=1).derive(b"password").hex())
signer = ed25519.Ed25519PrivateKey.from_private_bytes(b"s" * 32)
print(signer.sign(b"text").hex()[:40], signer.public_key().public_bytes_raw().hex()[:16])
private = rsa.generate_private_key(public_exponent=65537, key_size=1024 * 2)
signature = private.sign(b"text", padding.PSS(padding.MGF1(hashes.SHA256()), 20), hashes.SHA256())
try:
    private.public_key().verify(signature, b"other", padding.PSS(padding.MGF1(hashes.SHA256()), 20), hashes.SHA256())
except InvalidSignature as error:
    print("refused:", type(error).__name__)
curve = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bücher.example")])
day = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
builder = x509.CertificateBuilder(name, name, curve.public_key(), 5, day, day + datetime.timedelta(days=9))
builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("a.example")]), critical=False)
certificate = builder.sign(curve, hashes.SHA256())
again = x509.load_pem_x509_certificate(certificate.public_bytes(serialization.Encoding.PEM))
print(again.subject.rfc4514_string(), again.not_valid_after_utc, [each.oid._name for each in again.extensions])
pem = private.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"p")
)
print(pem.splitlines()[0], serialization.load_pem_private_key(pem, b"p").key_size)
formats = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH)
try:
    pem = signer.private_bytes(*formats, serialization.BestAvailableEncryption(b"p"))
    print(pem.splitlines()[0], type(ssh.load_ssh_private_key(pem, b"p")).__name__)
except Exception as error:
    print("bcrypt", type(error).__name__, error)
print(type(binding.Binding().ffi).__module__, default_backend().openssl_version_text().split()[0])
print(cryptography.__version__.count(".") >= 2)
