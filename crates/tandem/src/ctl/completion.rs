//! Scripts that let shells complete the commands of the server that runs.

use super::Shell;

/// The script for a shell; it asks the running server for its commands each time.
pub(super) fn script(shell: Shell) -> &'static str {
    match shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
        Shell::Fish => FISH,
    }
}

const BASH: &str = r#"_tandem_ctl() {
    local word="${COMP_WORDS[COMP_CWORD]}"
    if [ "$COMP_CWORD" -ge 2 ] && [ "${COMP_WORDS[1]}" = ctl ]; then
        COMPREPLY=($(compgen -W "$(tandem ctl system.listMethods 2>/dev/null)" -- "$word"))
    elif [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "run check ctl reference kamailio kamcmd help" -- "$word"))
    else
        COMPREPLY=($(compgen -f -- "$word"))
    fi
}
_kamcmd() {
    COMPREPLY=($(compgen -W "$(kamcmd system.listMethods 2>/dev/null)" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _tandem_ctl tandem
complete -F _kamcmd kamcmd
"#;

const ZSH: &str = r#"#compdef tandem kamcmd
_tandem_ctl() {
    local -a commands
    if [[ $service = kamcmd || ( $CURRENT -ge 3 && $words[2] = ctl ) ]]; then
        commands=(${(f)"$(tandem ctl system.listMethods 2>/dev/null)"})
        compadd -a commands
    elif (( CURRENT == 2 )); then
        compadd run check ctl reference kamailio kamcmd help
    else
        _files
    fi
}
compdef _tandem_ctl tandem kamcmd
"#;

const FISH: &str = r#"function __tandem_commands
    tandem ctl system.listMethods 2>/dev/null
end
complete -c tandem -n __fish_use_subcommand -xa 'run check ctl reference kamailio kamcmd help'
complete -c tandem -n '__fish_seen_subcommand_from ctl' -xa '(__tandem_commands)'
complete -c kamcmd -xa '(__tandem_commands)'
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bash_takes_its_script() {
        let checked = std::process::Command::new("bash").args(["-n", "-c", script(Shell::Bash)]).status();
        assert!(checked.unwrap().success());
    }
}
