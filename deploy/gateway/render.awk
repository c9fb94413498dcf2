# Replace each @NAME@ by the value of the environment, as text within nginx's double quotes;
# a line @servers FILE@ by the lines of that file in the state folder.
function quoted(text) {
    gsub(/[\\"]/, "\\\\&", text)
    return text
}

/^@servers [a-z]+@$/ {
    file = ENVIRON["STATE"] "/" substr($2, 1, length($2) - 1)
    while ((getline line < file) > 0) print line
    close(file)
    next
}

{
    rest = $0
    line = ""
    while (match(rest, /@[A-Z_]+@/)) {
        name = substr(rest, RSTART + 1, RLENGTH - 2)
        line = line substr(rest, 1, RSTART - 1) quoted(ENVIRON[name])
        rest = substr(rest, RSTART + RLENGTH)
    }
    print line rest
}
