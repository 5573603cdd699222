//! From attributes, as parameters or the file give them, to domains.

use std::path::{Path, PathBuf};

use transport::tls::{
    CipherList, Depth, Domain, DomainSettings, Domains, NameMatch, Older, PeerCheck, Place, Role, Setting,
    Versions,
};

use super::file::{self, Section};

/// Where the domains' settings come from; read again by `tls.reload`.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The folder of the server's own configuration.
    pub(super) folder: PathBuf,
    /// Parameter `config`.
    pub(super) file: Option<PathBuf>,
    /// The domains' parameters, by the attribute's name.
    pub(super) params: Vec<(&'static str, String)>,
    /// Parameter `session_cache`.
    pub(super) sessions: bool,
}

/// Why there are no domains: what is wrong, and the attribute at fault where it is a parameter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) param: Option<&'static str>,
    pub(super) message: String,
}

impl Origin {
    /// A file's name as Kamailio reads it: `.` is the working folder, other relative names begin at the configuration.
    pub(super) fn resolve(&self, name: &str) -> PathBuf {
        if name.starts_with('.') { PathBuf::from(name) } else { self.folder.join(name) }
    }

    /// Reads everything and makes the domains. Blocks on files.
    pub(super) fn load(&self) -> Result<Domains, Refused> {
        match &self.file {
            Some(path) => self.of_file(path),
            None => self.of_params(),
        }
    }

    fn of_params(&self) -> Result<Domains, Refused> {
        let mut domains = Vec::new();
        for role in [Role::Server, Role::Client] {
            let mut profile = Profile { sessions: self.sessions, ..Profile::default() };
            for (name, value) in &self.params {
                profile.set(name, value).map_err(|message| Refused { param: Some(name), message })?;
            }
            let settings = profile.settings(self, role);
            let domain = Domain::build(role, Place::Default, settings)
                .map_err(|error| Refused { param: Some(attribute(error.setting)), message: error.message })?;
            domains.push(domain);
        }
        Ok(Domains::new(domains))
    }

    fn of_file(&self, path: &Path) -> Result<Domains, Refused> {
        let refused = |message: String| Refused { param: Some("config"), message };
        let text = std::fs::read_to_string(path)
            .map_err(|error| refused(format!("cannot read {}: {error}", path.display())))?;
        let at = |line: usize, message: String| refused(format!("{}:{line}: {message}", path.display()));
        let mut sections = file::parse(&text).map_err(|mistake| at(mistake.line, mistake.message))?;
        let lines = text.lines().count().max(1);
        for role in [Role::Server, Role::Client] {
            if !sections.iter().any(|section| section.role == role && section.place == Place::Default) {
                let attributes = Vec::new();
                sections.push(Section { role, place: Place::Default, line: lines, attributes });
            }
        }
        let mut domains = Vec::new();
        for section in &sections {
            domains.push(self.of_section(section, path).map_err(|(line, message)| at(line, message))?);
        }
        Ok(Domains::new(domains))
    }

    fn of_section(&self, section: &Section, path: &Path) -> Result<Domain, (usize, String)> {
        let mut profile = Profile { sessions: self.sessions, ..Profile::default() };
        for attribute in &section.attributes {
            let warning = profile
                .set(&attribute.name, &attribute.value)
                .map_err(|message| (attribute.line, message))?;
            if let Some(warning) = warning {
                tracing::warn!(target: "tls", "{}:{}: {warning}", path.display(), attribute.line);
            }
        }
        if section.place == Place::Any && profile.server_name.is_none() && profile.server_id.is_none() {
            return Err((
                section.line,
                "a domain for any address needs `server_name` or `server_id`".to_owned(),
            ));
        }
        let settings = profile.settings(self, section.role);
        Domain::build(section.role, section.place, settings).map_err(|error| {
            let name = attribute(error.setting);
            let line = section.attributes.iter().rev().find(|attribute| attribute.name == name);
            (line.map_or(section.line, |attribute| attribute.line), error.message)
        })
    }
}

/// The attribute that a setting comes from.
fn attribute(setting: Setting) -> &'static str {
    match setting {
        Setting::Certificate => "certificate",
        Setting::PrivateKey => "private_key",
        Setting::CaList => "ca_list",
        Setting::CaPath => "ca_path",
        Setting::Crl => "crl",
        Setting::Ciphers => "cipher_list",
    }
}

/// Attributes of one domain.
#[derive(Debug, Default)]
struct Profile {
    versions: Versions,
    certificate: Option<String>,
    private_key: Option<String>,
    ca_list: Option<String>,
    ca_path: Option<String>,
    crl: Option<String>,
    ciphers: Option<CipherList>,
    verify: bool,
    require: bool,
    verify_client: Option<PeerCheck>,
    depth: Depth,
    server_name: Option<String>,
    name_match: NameMatch,
    server_id: Option<String>,
    sessions: bool,
}

impl Profile {
    /// Takes one attribute; what works but not as asked comes back as a warning.
    fn set(&mut self, name: &str, value: &str) -> Result<Option<String>, String> {
        let text = || Some(value.to_owned()).filter(|text| !text.is_empty());
        match name {
            "method" | "tls_method" => return self.set_method(value),
            "certificate" => self.certificate = text(),
            "private_key" if value.starts_with("/engine:") => {
                return Err("keys in OpenSSL engines are not supported; use a PEM file".to_owned());
            }
            "private_key" => self.private_key = text(),
            "ca_list" => self.ca_list = text(),
            "ca_path" => self.ca_path = text(),
            "crl" => self.crl = text(),
            "cipher_list" => {
                let list = CipherList::parse(value).map_err(|error| error.to_string())?;
                let unknown = list.unknown.join(", ");
                self.ciphers = Some(list);
                return Ok((!unknown.is_empty()).then(|| format!("not offered: {unknown}")));
            }
            "verify_certificate" => self.verify = truth(value)?,
            "require_certificate" => self.require = truth(value)?,
            "verify_client" => self.verify_client = Some(check(value)?),
            "verify_depth" => {
                let depth = value.parse().map_err(|_| format!("`{value}` is no number of certificates"))?;
                self.depth = Depth(depth);
            }
            "server_name" => self.server_name = text(),
            "server_name_mode" => {
                self.name_match = match value {
                    "1" => NameMatch::WithSubdomains,
                    "2" => NameMatch::SubdomainsOnly,
                    _ => NameMatch::Exact,
                };
            }
            "server_id" => self.server_id = text(),
            "private_key_password" => {
                return Err("encrypted keys are not supported; write the key without a password: openssl pkey -in KEY \
                            -out KEY"
                    .to_owned());
            }
            _ => return Err(format!("there is no attribute `{name}`")),
        }
        Ok(None)
    }

    fn set_method(&mut self, value: &str) -> Result<Option<String>, String> {
        let (versions, older) = Versions::of_method(value).ok_or_else(|| {
            format!(
                "there is no method `{value}`; there are TLSv1.2, TLSv1.2+, TLSv1.3, TLSv1.3+ and older names"
            )
        })?;
        self.versions = versions;
        Ok(match older {
            Older::NotAsked => None,
            Older::Asked => Some(format!("{value}: versions before TLS 1.2 are not offered (RFC 8996)")),
            Older::Only => Some(format!(
                "{value}: versions before TLS 1.2 are not offered (RFC 8996); TLS 1.2 and 1.3 are"
            )),
        })
    }

    fn settings(self, origin: &Origin, role: Role) -> DomainSettings {
        let path = |name: Option<String>| name.map(|name| origin.resolve(&name));
        let default = || Some(DEFAULT_CERTIFICATE.to_owned()).filter(|_| role == Role::Server);
        let check = match (role, self.verify_client, self.verify, self.require) {
            (Role::Server, Some(check), _, _) => check,
            (_, _, false, _) => PeerCheck::Off,
            (Role::Server, None, true, false) => PeerCheck::Optional,
            (_, _, true, _) => PeerCheck::Required,
        };
        DomainSettings {
            versions: self.versions,
            certificate: path(self.certificate.or_else(default)),
            private_key: path(self.private_key),
            ca_list: path(self.ca_list),
            ca_path: path(self.ca_path),
            crl: path(self.crl),
            ciphers: self.ciphers,
            check,
            depth: self.depth,
            server_name: self.server_name,
            name_match: self.name_match,
            server_id: self.server_id,
            sessions: self.sessions,
        }
    }
}

/// Kamailio's default, beside its configuration.
const DEFAULT_CERTIFICATE: &str = "cert.pem";

fn truth(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" | "enable" => Ok(true),
        "0" | "no" | "n" | "false" | "f" | "off" | "disable" => Ok(false),
        _ => Err(format!("`{value}` is neither yes nor no")),
    }
}

fn check(value: &str) -> Result<PeerCheck, String> {
    match value.to_ascii_lowercase().as_str() {
        "off" => Ok(PeerCheck::Off),
        "on" => Ok(PeerCheck::Required),
        "optional" => Ok(PeerCheck::Optional),
        "optional_no_ca" => Ok(PeerCheck::OptionalNoCa),
        _ => Err(format!("`{value}` is none of off, on, optional and optional_no_ca")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        let folder = PathBuf::from("/etc/tandem");
        Origin { folder, file: None, params: Vec::new(), sessions: false }
    }

    fn settings(role: Role, attributes: &[(&str, &str)]) -> DomainSettings {
        let mut profile = Profile::default();
        for (name, value) in attributes {
            profile.set(name, value).unwrap();
        }
        profile.settings(&origin(), role)
    }

    #[test]
    fn relative_names_begin_at_the_configuration_and_dots_at_the_working_folder() {
        let paths = ["a.pem", "./a.pem", "/x/a.pem"].map(|name| origin().resolve(name));
        assert_eq!(paths, ["/etc/tandem/a.pem", "./a.pem", "/x/a.pem"].map(PathBuf::from));
        assert_eq!(settings(Role::Server, &[]).certificate, Some("/etc/tandem/cert.pem".into()));
        assert_eq!(settings(Role::Client, &[]).certificate, None);
    }

    #[test]
    fn the_check_follows_verify_and_require_unless_verify_client_says_otherwise() {
        let of = |role, verify, require| {
            settings(role, &[("verify_certificate", verify), ("require_certificate", require)]).check
        };
        assert_eq!(of(Role::Server, "no", "yes"), PeerCheck::Off);
        assert_eq!(of(Role::Server, "yes", "no"), PeerCheck::Optional);
        assert_eq!(of(Role::Server, "1", "1"), PeerCheck::Required);
        assert_eq!(of(Role::Client, "yes", "no"), PeerCheck::Required);
        let said = [("verify_certificate", "no"), ("verify_client", "optional_no_ca")];
        assert_eq!(settings(Role::Server, &said).check, PeerCheck::OptionalNoCa);
        assert_eq!(settings(Role::Client, &said).check, PeerCheck::Off);
    }

    #[test]
    fn what_is_not_as_asked_is_told() {
        let set = |name: &str, value: &str| Profile::default().set(name, value);
        assert_eq!(set("method", "TLSv1.2+"), Ok(None));
        assert!(set("method", "TLSv1").unwrap().unwrap().contains("not offered"));
        assert!(set("cipher_list", "HIGH:RC4-SHA").unwrap().unwrap().contains("RC4-SHA"));
        assert!(set("cipher_list", "RC4-SHA").is_err());
        assert!(set("private_key_password", "x").unwrap_err().contains("not supported"));
        assert!(set("foo", "x").unwrap_err().contains("`foo`"));
        assert!(set("verify_certificate", "maybe").unwrap_err().contains("maybe"));
    }
}
