//! tmp
use host_identity::*;
fn main() {
    let d = std::path::Path::new("/work/t/rpc/dump");
    std::fs::create_dir_all(d).ok();
    let a = Authority::new_dev("t").unwrap();
    let k = SigningKey::generate().unwrap();
    let c = a.issue_signing(&host_types::NodeName::new("bank-a/alice").unwrap(), Role::Client, None, &k.public(), Validity::default()).unwrap();
    keyfile::save_certificate(&d.join("a.crt"), &c.der).unwrap();
    keyfile::replace_pkcs8(&d.join("a.key"), &k.to_pkcs8().unwrap(), Some("pw")).unwrap();
    keyfile::save_certificate(&d.join("root.crt"), a.root().der()).unwrap();
}
