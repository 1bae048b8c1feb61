"""What whoever runs the server needs.

The command line, the processes, migrations, backups, the doctor, the sample clinic.
"""
