"""Running the server.

The command line, the processes, migrations, backups, the doctor, the sample clinic.
"""
